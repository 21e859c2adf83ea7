-- A school with Chinese names of tables and columns, declared keys, a column and a table that need quoting.
CREATE TABLE "学院" ("学院编号" int PRIMARY KEY, "学院名称" text NOT NULL);
CREATE TABLE "教师" ("工号" int PRIMARY KEY, "姓名" text NOT NULL, "职称" text, "学院编号" int REFERENCES "学院");
CREATE TABLE "班级" ("班级编号" int PRIMARY KEY, "班级名称" text NOT NULL, "学院编号" int NOT NULL REFERENCES "学院", "班主任" int REFERENCES "教师", "入学年份" int);
CREATE TABLE "学生" ("学号" int PRIMARY KEY, "姓名" text NOT NULL, "性别" text, "班级编号" int REFERENCES "班级", "出生日期" date);
CREATE TABLE "课程" ("课程号" int PRIMARY KEY, "课程名" text NOT NULL, "学分" numeric(3,1), "任课教师" int REFERENCES "教师");
CREATE TABLE "选课" ("学号" int REFERENCES "学生", "课程号" int REFERENCES "课程", "成绩" int, "学期" text, PRIMARY KEY ("学号", "课程号"));
CREATE TABLE "Lab Room" ("RoomNo" int PRIMARY KEY, "学院编号" int REFERENCES "学院", "Seats" int);
INSERT INTO "学院" SELECT i, (ARRAY['计算机学院','经济学院','外国语学院','数学学院'])[i] FROM generate_series(1,4) i;
INSERT INTO "教师" SELECT i, (ARRAY['高','林','何','郭','马'])[1 + i % 5] || (ARRAY['明','丽','军','霞'])[1 + i % 4] || CASE WHEN i > 12 THEN '华' ELSE '' END, (ARRAY['教授','副教授','讲师'])[1 + i % 3], 1 + i % 3 FROM generate_series(1,16) i;
INSERT INTO "班级" SELECT i, (ARRAY['计算机','经济','英语'])[1 + i % 3] || (20 + i % 4) || '0' || i || '班', 1 + i % 3, i, 2020 + i % 4 FROM generate_series(1,9) i;
INSERT INTO "学生" SELECT i, (ARRAY['陈','许','邓','冯','韩','曹'])[1 + i % 6] || (ARRAY['宇','欣','泽','雨','浩','琪','思'])[1 + i % 7] || (ARRAY['轩','怡','然'])[1 + i % 3], (ARRAY['男','女'])[1 + i % 2], 1 + (i * 2) % 8, date '2002-01-01' + (i * 37) % 1200 FROM generate_series(1,90) i;
INSERT INTO "课程" SELECT i, (ARRAY['高等数学','数据库原理','大学英语','微观经济学','操作系统','线性代数','写作'])[i], 1 + i % 4 + 0.5, 1 + (i * 2) % 13 FROM generate_series(1,7) i;
INSERT INTO "选课" SELECT s, c, 55 + (s * c * 7) % 46, (ARRAY['2024秋','2025春'])[1 + c % 2] FROM generate_series(1,90) s, generate_series(1,6) c WHERE (s + c) % 3 <> 0;
INSERT INTO "Lab Room" SELECT 300 + i, 1 + i % 2, 20 + i * 5 FROM generate_series(1,5) i;
