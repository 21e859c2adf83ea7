-- A web shop in snake_case without comments: enums, composite keys, a mapper table, cents beside amounts, times with zones.
CREATE TYPE order_status AS ENUM ('pending', 'paid', 'shipped', 'delivered', 'cancelled');
CREATE TYPE loyalty_tier AS ENUM ('bronze', 'silver', 'gold');
CREATE TABLE countries (iso_code char(2) PRIMARY KEY, country_name text NOT NULL);
CREATE TABLE customers (
    id bigint PRIMARY KEY, email text NOT NULL UNIQUE, first_name text NOT NULL, last_name text NOT NULL,
    country_code char(2) REFERENCES countries, tier loyalty_tier NOT NULL, newsletter_opt_in boolean NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE TABLE categories (id int PRIMARY KEY, name text NOT NULL, parent_id int REFERENCES categories);
CREATE TABLE products (
    id int PRIMARY KEY, sku text NOT NULL UNIQUE, name text NOT NULL, list_price numeric(10,2) NOT NULL,
    weight_grams int, is_discontinued boolean NOT NULL, created_at timestamptz NOT NULL
);
CREATE TABLE product_categories (
    product_id int REFERENCES products, category_id int REFERENCES categories, PRIMARY KEY (product_id, category_id)
);
CREATE TABLE warehouses (id int PRIMARY KEY, code text NOT NULL, city text NOT NULL);
CREATE TABLE stock_levels (
    warehouse_id int REFERENCES warehouses, product_id int REFERENCES products, on_hand int NOT NULL,
    reserved int NOT NULL, PRIMARY KEY (warehouse_id, product_id)
);
CREATE TABLE sales_orders (
    id bigint PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customers, status order_status NOT NULL,
    placed_at timestamptz NOT NULL, shipped_at timestamptz, shipping_cents int NOT NULL, coupon_code text
);
CREATE TABLE sales_order_items (
    order_id bigint REFERENCES sales_orders, line_number int, product_id int NOT NULL REFERENCES products,
    quantity int NOT NULL, unit_price numeric(10,2) NOT NULL, PRIMARY KEY (order_id, line_number)
);
CREATE TABLE shipment_lines (
    id int PRIMARY KEY, order_id bigint NOT NULL, line_number int NOT NULL, warehouse_id int REFERENCES warehouses,
    shipped_quantity int NOT NULL, FOREIGN KEY (order_id, line_number) REFERENCES sales_order_items
);
CREATE TABLE product_reviews (
    id int PRIMARY KEY, product_id int NOT NULL REFERENCES products, customer_id bigint NOT NULL REFERENCES customers,
    rating smallint NOT NULL, review_text text, reviewed_at timestamptz NOT NULL
);
INSERT INTO countries VALUES ('DE', 'Germany'), ('FR', 'France'), ('JP', 'Japan'), ('BR', 'Brazil'), ('US', 'United States');
INSERT INTO customers
SELECT n, 'user' || n || '@example.com', (ARRAY['Ada','Bruno','Chiara','Dmitri','Elena','Farid','Greta'])[1 + n % 7],
       (ARRAY['Abel','Brandt','Costa','Dupont','Endo'])[1 + n % 5], (ARRAY['DE','FR','JP','BR','DE','US','DE'])[1 + n % 7],
       (ARRAY['bronze','silver','bronze','gold'])[1 + n % 4]::loyalty_tier, n % 3 = 0,
       timestamptz '2023-01-05 10:00+00' + n * interval '9 days'
FROM generate_series(1, 70) n;
INSERT INTO categories VALUES (1, 'Home', NULL), (2, 'Kitchen', 1), (3, 'Garden', 1), (4, 'Electronics', NULL), (5, 'Audio', 4), (6, 'Toys', NULL);
INSERT INTO products
SELECT n, 'SKU-' || lpad(n::text, 4, '0'),
       (ARRAY['Kettle','Toaster','Rake','Hose','Speaker','Headphones','Puzzle','Robot','Lamp','Blender'])[1 + (n - 1) % 10]
           || ' ' || (ARRAY['Basic','Plus','Pro'])[1 + (n - 1) / 10],
       round(9.5 + n * 7.35, 2), 200 + n * 35, n % 9 = 0, timestamptz '2023-01-01 00:00+00' + n * interval '20 days'
FROM generate_series(1, 30) n;
INSERT INTO product_categories SELECT n, 1 + n % 6 FROM generate_series(1, 30) n;
INSERT INTO product_categories SELECT n, 1 + (n + 2) % 6 FROM generate_series(1, 30, 2) n;
INSERT INTO warehouses VALUES (1, 'HAM', 'Hamburg'), (2, 'LYO', 'Lyon'), (3, 'OSA', 'Osaka');
INSERT INTO stock_levels SELECT w, p, (w * 17 + p * 5) % 60, (p + w) % 7 FROM generate_series(1, 3) w, generate_series(1, 30) p;
INSERT INTO sales_orders
SELECT n, 1 + (n * 13) % 65, (ARRAY['paid','shipped','delivered','delivered','cancelled','pending'])[1 + n % 6]::order_status,
       timestamptz '2024-01-01 08:00+00' + n * interval '41 hours',
       CASE WHEN n % 6 IN (1, 2, 3) THEN timestamptz '2024-01-03 08:00+00' + n * interval '41 hours' END,
       290 + (n % 5) * 150, CASE WHEN n % 8 = 0 THEN 'WELCOME10' WHEN n % 11 = 0 THEN 'SUMMER24' END
FROM generate_series(1, 400) n;
INSERT INTO sales_order_items
SELECT o, l, 1 + (o * 7 + l * 3) % 28, 1 + (o + l) % 4, round(9.5 + (1 + (o * 7 + l * 3) % 28) * 7.35, 2)
FROM generate_series(1, 400) o, generate_series(1, 3) l WHERE (o + l) % 3 <> 0;
INSERT INTO shipment_lines
SELECT row_number() OVER (ORDER BY order_id, line_number), order_id, line_number, 1 + (order_id % 3), quantity
FROM sales_order_items WHERE order_id % 6 IN (1, 2, 3);
INSERT INTO product_reviews
SELECT n, 1 + (n * 11) % 27, 1 + (n * 5) % 60, 1 + (n * 7) % 5, 'review ' || n, timestamptz '2024-02-01 12:00+00' + n * interval '3 days'
FROM generate_series(1, 120) n;
