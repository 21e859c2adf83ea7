-- A parcel service: no comment anywhere, a smallint code, an enum, an interval, two keys to one table, a view.
CREATE TYPE parcel_state AS ENUM ('registered', 'in_transit', 'delivered', 'lost');
CREATE TABLE depot (depot_code varchar(5) PRIMARY KEY, depot_name text NOT NULL, city text NOT NULL, capacity int NOT NULL, opened_on date NOT NULL);
CREATE TABLE courier (
    courier_id int PRIMARY KEY, first_name text NOT NULL, last_name text NOT NULL, home_depot varchar(5) REFERENCES depot,
    vehicle_type text NOT NULL, hourly_wage numeric(6,2) NOT NULL, is_freelance boolean NOT NULL
);
CREATE TABLE client_account (account_no text PRIMARY KEY, company_name text NOT NULL, industry text NOT NULL, credit_limit numeric(12,2), signed_on date NOT NULL);
CREATE TABLE parcel (
    tracking_no text PRIMARY KEY, account_no text NOT NULL REFERENCES client_account, origin_depot varchar(5) NOT NULL REFERENCES depot,
    destination_depot varchar(5) NOT NULL REFERENCES depot, weight_kg numeric(7,2) NOT NULL, declared_value numeric(10,2),
    state parcel_state NOT NULL, sent_on date NOT NULL, delivered_on date
);
CREATE TABLE delivery_attempt (
    attempt_id int PRIMARY KEY, tracking_no text NOT NULL REFERENCES parcel, courier_id int NOT NULL REFERENCES courier,
    attempted_at timestamp NOT NULL, succeeded boolean NOT NULL
);
CREATE TABLE complaint (complaint_id int PRIMARY KEY, tracking_no text REFERENCES parcel, category text NOT NULL, compensation numeric(10,2), filed_on date NOT NULL);
INSERT INTO depot SELECT 'D' || n, (ARRAY['Harbour','Airport','Central','Riverside','Hilltop'])[n] || ' Depot', (ARRAY['Porto','Lisbon','Lisbon','Braga','Faro'])[n], 400 + n * 150, date '2015-06-01' + n * 200 FROM generate_series(1, 5) n;
INSERT INTO courier SELECT n, (ARRAY['Rui','Ines','Joao','Marta','Pedro','Sofia'])[1 + n % 6], (ARRAY['Silva','Costa','Pinto','Rocha'])[1 + n % 4] || n, 'D' || 1 + n % 5, (ARRAY['van','bike','truck'])[1 + n % 3], 9 + n * 0.35, n % 4 = 0 FROM generate_series(1, 24) n;
INSERT INTO client_account SELECT 'AC' || lpad(n::text, 4, '0'), (ARRAY['Lumen','Verde','Atlas','Orca','Nimbus'])[1 + n % 5] || ' ' || (ARRAY['Foods','Books','Tools'])[1 + n % 3] || ' ' || n, (ARRAY['retail','publishing','hardware'])[1 + n % 3], 1000 + n * 250, date '2021-02-01' + n * 23 FROM generate_series(1, 30) n;
INSERT INTO parcel SELECT 'TRK' || lpad(n::text, 6, '0'), 'AC' || lpad((1 + (n * 7) % 28)::text, 4, '0'), 'D' || 1 + n % 5, 'D' || 1 + (n * 3 + 1) % 5, round(0.4 + (n * 13 % 240) / 10.0, 2), CASE WHEN n % 3 = 0 THEN 20 + n % 400 END, (ARRAY['delivered','delivered','in_transit','registered','delivered','lost'])[1 + n % 6]::parcel_state, date '2024-01-03' + n, CASE WHEN n % 6 IN (0, 1, 4) THEN date '2024-01-05' + n END FROM generate_series(1, 600) n;
INSERT INTO delivery_attempt SELECT n, 'TRK' || lpad((1 + (n * 3) % 580)::text, 6, '0'), 1 + n % 22, timestamp '2024-01-06 09:30' + n * interval '15 hours', n % 4 <> 1 FROM generate_series(1, 900) n;
INSERT INTO complaint SELECT n, 'TRK' || lpad((n * 6)::text, 6, '0'), (ARRAY['damage','delay','loss'])[1 + n % 3], CASE WHEN n % 2 = 0 THEN 10 + n * 2 END, date '2024-02-01' + n * 5 FROM generate_series(1, 70) n;
CREATE VIEW lost_parcels AS SELECT tracking_no, account_no, declared_value FROM parcel WHERE state = 'lost';
