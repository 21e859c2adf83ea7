-- A hospital: English names, Chinese comments, declared keys.
CREATE TABLE dept (dept_id int PRIMARY KEY, dept_name varchar(40) NOT NULL, floor int);
COMMENT ON TABLE dept IS '科室'; COMMENT ON COLUMN dept.dept_id IS '科室编号'; COMMENT ON COLUMN dept.dept_name IS '科室名称'; COMMENT ON COLUMN dept.floor IS '楼层';
CREATE TABLE doctor (doctor_id int PRIMARY KEY, doctor_name varchar(20) NOT NULL, title varchar(20), dept_id int REFERENCES dept);
COMMENT ON TABLE doctor IS '医生'; COMMENT ON COLUMN doctor.doctor_id IS '医生编号'; COMMENT ON COLUMN doctor.doctor_name IS '医生姓名'; COMMENT ON COLUMN doctor.title IS '职称'; COMMENT ON COLUMN doctor.dept_id IS '所属科室';
CREATE TABLE patient (patient_id int PRIMARY KEY, patient_name varchar(20) NOT NULL, gender char(1), birth_date date, city varchar(20));
COMMENT ON TABLE patient IS '患者（病人）'; COMMENT ON COLUMN patient.patient_id IS '患者编号'; COMMENT ON COLUMN patient.patient_name IS '患者姓名'; COMMENT ON COLUMN patient.gender IS '性别'; COMMENT ON COLUMN patient.birth_date IS '出生日期'; COMMENT ON COLUMN patient.city IS '所在城市';
CREATE TABLE visit (visit_id int PRIMARY KEY, patient_id int NOT NULL REFERENCES patient, doctor_id int REFERENCES doctor, visit_date date NOT NULL, fee numeric(10,2) NOT NULL, kind varchar(10));
COMMENT ON TABLE visit IS '就诊记录（就诊）'; COMMENT ON COLUMN visit.visit_id IS '就诊编号'; COMMENT ON COLUMN visit.patient_id IS '患者'; COMMENT ON COLUMN visit.doctor_id IS '接诊医生'; COMMENT ON COLUMN visit.visit_date IS '就诊日期'; COMMENT ON COLUMN visit.fee IS '诊疗费用（元）'; COMMENT ON COLUMN visit.kind IS '就诊类型：门诊、急诊、住院';
CREATE TABLE drug (drug_id int PRIMARY KEY, drug_name varchar(30) NOT NULL, unit_price numeric(8,2), maker varchar(30));
COMMENT ON TABLE drug IS '药品'; COMMENT ON COLUMN drug.drug_id IS '药品编号'; COMMENT ON COLUMN drug.drug_name IS '药品名称'; COMMENT ON COLUMN drug.unit_price IS '单价'; COMMENT ON COLUMN drug.maker IS '生产厂家';
CREATE TABLE prescription (visit_id int REFERENCES visit, drug_id int REFERENCES drug, quantity int NOT NULL, PRIMARY KEY (visit_id, drug_id));
COMMENT ON TABLE prescription IS '处方'; COMMENT ON COLUMN prescription.visit_id IS '就诊编号'; COMMENT ON COLUMN prescription.drug_id IS '药品编号'; COMMENT ON COLUMN prescription.quantity IS '数量';
CREATE TABLE ward_bed (ward_no int, bed_no int, dept_id int NOT NULL REFERENCES dept, PRIMARY KEY (ward_no, bed_no));
COMMENT ON TABLE ward_bed IS '床位'; COMMENT ON COLUMN ward_bed.ward_no IS '病房号'; COMMENT ON COLUMN ward_bed.bed_no IS '床号'; COMMENT ON COLUMN ward_bed.dept_id IS '所属科室';
CREATE TABLE stay (stay_id int PRIMARY KEY, patient_id int REFERENCES patient, ward_no int, bed_no int, admitted_on date, days int, FOREIGN KEY (ward_no, bed_no) REFERENCES ward_bed);
COMMENT ON TABLE stay IS '住院记录（住院）'; COMMENT ON COLUMN stay.stay_id IS '住院编号'; COMMENT ON COLUMN stay.patient_id IS '患者'; COMMENT ON COLUMN stay.ward_no IS '病房号'; COMMENT ON COLUMN stay.bed_no IS '床号'; COMMENT ON COLUMN stay.admitted_on IS '入院日期'; COMMENT ON COLUMN stay.days IS '住院天数';

INSERT INTO dept SELECT i, (ARRAY['内科','外科','儿科','妇产科','眼科','急诊科'])[i], 1 + i % 4 FROM generate_series(1,6) i;
INSERT INTO doctor SELECT i, (ARRAY['王','李','张','刘','陈'])[1 + i % 5] || (ARRAY['伟','芳','敏','静','磊','洋','艳'])[1 + i % 7], (ARRAY['主任医师','副主任医师','主治医师'])[1 + i % 3], 1 + (i * 5) % 5 FROM generate_series(1,20) i;
INSERT INTO patient SELECT i, (ARRAY['赵','钱','孙','周','吴','郑'])[1 + i % 6] || (ARRAY['一','二','三','四','五','六','七'])[1 + i % 7] || (ARRAY['平','安','康'])[1 + i % 3], (ARRAY['男','女'])[1 + i % 2], date '1950-01-01' + (i * 613) % 24000, (ARRAY['南昌','九江','赣州','上饶','宜春'])[1 + (i * 2) % 5] FROM generate_series(1,60) i;
INSERT INTO visit SELECT i, 1 + (i * 7) % 55, CASE WHEN i % 15 = 0 THEN NULL ELSE 1 + (i * 3) % 18 END, date '2024-01-02' + (i * 11) % 690, 20 + (i * 47) % 300 + 0.5, (ARRAY['门诊','门诊','急诊','住院'])[1 + i % 4] FROM generate_series(1,300) i;
INSERT INTO drug SELECT i, (ARRAY['阿莫西林','布洛芬','板蓝根','头孢克肟','维生素C','氯雷他定','蒙脱石散','对乙酰氨基酚'])[i], 5 + (i * 13) % 40 + 0.8, (ARRAY['江中药业','华北制药','同仁堂'])[1 + i % 3] FROM generate_series(1,8) i;
INSERT INTO prescription SELECT i, 1 + (i * 3) % 7, 1 + i % 4 FROM generate_series(1,300) i WHERE i % 3 <> 0;
INSERT INTO ward_bed SELECT 100 + w, b, 1 + w % 4 FROM generate_series(1,6) w, generate_series(1,3) b;
INSERT INTO stay SELECT i, 1 + (i * 5) % 50, 101 + i % 6, 1 + i % 2, date '2024-02-01' + i * 9, 2 + (i * 7) % 20 FROM generate_series(1,70) i;
