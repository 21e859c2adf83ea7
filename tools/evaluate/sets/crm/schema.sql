-- Names that must be quoted: mixed case, reserved words, one table name in two schemas; views, a materialised view, partitions.
DROP SCHEMA IF EXISTS archive CASCADE;
CREATE SCHEMA archive;
CREATE TABLE "Group" ("GroupId" int PRIMARY KEY, "GroupName" text NOT NULL);
CREATE TABLE "User" (
    "UserId" int PRIMARY KEY, "FullName" text NOT NULL, "GroupId" int REFERENCES "Group", "Select" boolean NOT NULL,
    "JoinDate" date NOT NULL
);
CREATE TABLE "Order" (
    "OrderId" int PRIMARY KEY, "UserId" int NOT NULL REFERENCES "User", "OrderDate" date NOT NULL,
    "TotalAmount" numeric(12,2) NOT NULL, "Desc" text, "End" text NOT NULL
);
CREATE TABLE archive."Order" (
    "OrderId" int PRIMARY KEY, "UserId" int NOT NULL REFERENCES "User", "OrderDate" date NOT NULL,
    "TotalAmount" numeric(12,2) NOT NULL, "Desc" text, "End" text NOT NULL
);
CREATE TABLE archive."ClosedTicket" ("TicketId" int PRIMARY KEY, "UserId" int REFERENCES "User", "Hours" numeric(6,1) NOT NULL);
CREATE TABLE "SupportTicket" (
    "TicketId" int PRIMARY KEY, "UserId" int REFERENCES "User", "Priority" text NOT NULL, "OpenedAt" timestamp NOT NULL
);
CREATE TABLE "PageVisit" ("VisitId" int, "UserId" int, "VisitDate" date NOT NULL, "DurationSeconds" int NOT NULL)
    PARTITION BY RANGE ("VisitDate");
CREATE TABLE "PageVisit_2024" PARTITION OF "PageVisit" FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE "PageVisit_2025" PARTITION OF "PageVisit" FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
INSERT INTO "Group" VALUES (1, 'Staff'), (2, 'Partners'), (3, 'Public');
INSERT INTO "User" SELECT n, (ARRAY['Ann','Ben','Cho','Dee'])[1 + n % 4] || ' ' || (ARRAY['Young','Zima','Xu'])[1 + n % 3] || ' ' || n, 1 + n % 3, n % 4 = 1, date '2022-03-01' + n * 11 FROM generate_series(1, 50) n;
INSERT INTO "Order" SELECT n, 1 + (n * 3) % 45, date '2024-01-01' + n, 20 + (n * 37) % 400, CASE WHEN n % 5 = 0 THEN 'gift' END, (ARRAY['Open','Closed'])[1 + n % 2] FROM generate_series(1, 500) n;
INSERT INTO archive."Order" SELECT n, 1 + (n * 3) % 45, date '2020-01-01' + n, 15 + (n * 31) % 300, NULL, 'Closed' FROM generate_series(1, 200) n;
INSERT INTO archive."ClosedTicket" SELECT n, 1 + n % 40, (n % 30) / 2.0 FROM generate_series(1, 80) n;
INSERT INTO "SupportTicket" SELECT n, 1 + (n * 7) % 48, (ARRAY['Low','Normal','Urgent'])[1 + n % 3], timestamp '2025-01-01 09:00' + n * interval '31 hours' FROM generate_series(1, 90) n;
INSERT INTO "PageVisit" SELECT n, 1 + n % 50, date '2024-01-01' + n, 30 + (n * 13) % 600 FROM generate_series(1, 700) n;
CREATE VIEW "UserOverview" AS SELECT u."UserId", u."FullName", g."GroupName" FROM "User" u JOIN "Group" g USING ("GroupId");
CREATE MATERIALIZED VIEW "MonthlyTurnover" AS
SELECT date_trunc('month', "OrderDate")::date AS "Month", sum("TotalAmount") AS "Turnover" FROM "Order" GROUP BY 1;
