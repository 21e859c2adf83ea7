-- A bookshop without a single comment: declared keys under other names, a composite one, two to one table, one to itself.
CREATE TABLE country (country_code char(2) PRIMARY KEY, country_name text NOT NULL);
CREATE TABLE publisher (publisher_id int PRIMARY KEY, name text NOT NULL, based_in char(2) REFERENCES country);
CREATE TABLE author (author_id int PRIMARY KEY, first_name text, last_name text NOT NULL, born_in char(2) REFERENCES country);
CREATE TABLE genre (genre_id int PRIMARY KEY, name text NOT NULL UNIQUE);
CREATE TABLE book (
    isbn text PRIMARY KEY, title text NOT NULL, publisher_id int NOT NULL REFERENCES publisher,
    genre_id int REFERENCES genre, price numeric(8,2) NOT NULL, pages int, published_on date
);
CREATE TABLE book_author (
    isbn text REFERENCES book, author_id int REFERENCES author, PRIMARY KEY (isbn, author_id)
);
CREATE TABLE employee (
    employee_id int PRIMARY KEY, first_name text, last_name text, title text, reports_to int REFERENCES employee, hired_on date
);
CREATE TABLE shipper (shipper_id int PRIMARY KEY, company_name text NOT NULL);
CREATE TABLE customer (
    customer_id int PRIMARY KEY, company_name text NOT NULL, city text, country char(2) REFERENCES country,
    support_rep_id int REFERENCES employee
);
CREATE TABLE orders (
    order_id int PRIMARY KEY, customer_id int NOT NULL REFERENCES customer, sold_by int REFERENCES employee,
    ship_via int REFERENCES shipper, ship_country char(2) REFERENCES country, order_date date NOT NULL,
    shipped_date date, freight numeric(8,2), status text NOT NULL
);
CREATE TABLE order_line (
    order_id int REFERENCES orders, line_no int, isbn text NOT NULL REFERENCES book, quantity int NOT NULL,
    unit_price numeric(8,2) NOT NULL, PRIMARY KEY (order_id, line_no)
);
CREATE TABLE return_request (
    return_id int PRIMARY KEY, order_id int NOT NULL, line_no int NOT NULL, reason text, requested_on date,
    FOREIGN KEY (order_id, line_no) REFERENCES order_line
);
CREATE TABLE review (
    review_id int PRIMARY KEY, isbn text REFERENCES book, customer_id int REFERENCES customer, rating int, posted_on date
);

INSERT INTO country VALUES ('DE','Germany'),('FR','France'),('GB','United Kingdom'),('US','United States'),('BR','Brazil'),('JP','Japan');
INSERT INTO publisher SELECT i, (ARRAY['Northwind Press','Blue Heron','Lantern House','Old Quay','Meridian'])[i],
    (ARRAY['GB','US','DE','GB','JP'])[i] FROM generate_series(1,5) i;
INSERT INTO author SELECT i, (ARRAY['Ada','Bruno','Clara','Dmitri','Elena','Farid','Grace','Hugo','Ines','Jonas','Kenji','Lena'])[i],
    (ARRAY['Moss','Keller','Duval','Ivanov','Rossi','Haddad','Walker','Lindt','Costa','Berg','Sato','Vogel'])[i],
    (ARRAY['GB','DE','FR','US','BR','FR','US','DE','BR','GB','JP','DE'])[i] FROM generate_series(1,12) i;
INSERT INTO genre SELECT i, (ARRAY['Crime','Poetry','History','Science','Children','Travel'])[i] FROM generate_series(1,6) i;
INSERT INTO book SELECT '978-' || lpad(i::text, 5, '0'),
    (ARRAY['The','A','My','Our'])[1 + i % 4] || ' ' || (ARRAY['Silent','Golden','Broken','Distant','Hidden'])[1 + i % 5] || ' '
        || (ARRAY['River','Garden','Letter','Island','Clock','Winter','Harbour'])[1 + i % 7],
    1 + (i * 7) % 5, CASE WHEN i % 11 = 0 THEN NULL ELSE 1 + (i * 5) % 5 END, 8 + (i * 37) % 40 + 0.95, 120 + (i * 53) % 500,
    date '2018-01-15' + (i * 61) % 2400
    FROM generate_series(1,40) i;
INSERT INTO book_author SELECT isbn, 1 + (row_number() OVER (ORDER BY isbn))::int % 11 FROM book;
INSERT INTO book_author SELECT isbn, 1 + (3 + row_number() OVER (ORDER BY isbn))::int % 11 FROM book WHERE pages % 3 = 0;
INSERT INTO employee VALUES (1,'Nora','Field','Owner',NULL,'2015-03-01'),(2,'Omar','Reed','Sales Manager',1,'2017-06-15'),
    (3,'Paula','Stone','Sales Rep',2,'2019-01-07'),(4,'Quentin','Hart','Sales Rep',2,'2020-09-21'),(5,'Rosa','Lane','Sales Rep',2,'2022-04-04');
INSERT INTO shipper VALUES (1,'Speedy Post'),(2,'United Parcel'),(3,'Harbour Freight');
INSERT INTO customer SELECT i, (ARRAY['Alder','Birch','Cedar','Dogwood','Elm','Fir','Gum','Hazel','Ivy','Juniper'])[1 + i % 10]
        || (ARRAY[' Books',' Library',' School'])[1 + i % 3],
    (ARRAY['Berlin','Paris','London','Boston','Recife','Osaka','Leeds'])[1 + i % 7],
    (ARRAY['DE','FR','GB','US','BR','JP','GB'])[1 + i % 7], 3 + i % 3 FROM generate_series(1,30) i;
INSERT INTO orders SELECT i, 1 + (i * i) % 28, CASE WHEN i % 13 = 0 THEN NULL ELSE 3 + i % 3 END, 1 + i % 3,
    (ARRAY['DE','FR','GB','US','BR'])[1 + (i * 3) % 5], date '2024-01-03' + (i * 17) % 700,
    CASE WHEN i % 9 = 0 THEN NULL ELSE date '2024-01-03' + (i * 17) % 700 + 2 + i % 6 END, 4 + (i * 29) % 60 + 0.5,
    CASE WHEN i % 9 = 0 THEN 'open' WHEN i % 17 = 0 THEN 'cancelled' ELSE 'shipped' END
    FROM generate_series(1,240) i;
INSERT INTO order_line SELECT o.order_id, l, b.isbn, 1 + (o.order_id * l) % 5, b.price
    FROM orders o CROSS JOIN generate_series(1,3) l
    JOIN book b ON b.isbn = '978-' || lpad((1 + (o.order_id * 7 + l * 11) % 38)::text, 5, '0')
    WHERE l <= 1 + o.order_id % 3;
INSERT INTO return_request SELECT row_number() OVER (ORDER BY order_id, line_no), order_id, line_no,
    (ARRAY['damaged','late','wrong book'])[1 + order_id % 3], date '2024-02-01' + order_id FROM order_line WHERE (order_id + line_no) % 12 = 0;
INSERT INTO review SELECT i, '978-' || lpad((1 + (i * 5) % 36)::text, 5, '0'), 1 + (i * 3) % 27, 1 + (i * 7) % 5, date '2024-03-01' + i * 3
    FROM generate_series(1,150) i;
