-- A fleet of devices: codes whose comments name their values, months as numbers, numbers as texts, booleans, arrays, JSON.
CREATE TABLE device (
    id int PRIMARY KEY, device_no varchar(20) NOT NULL UNIQUE, device_name varchar(40) NOT NULL, status smallint NOT NULL,
    dev_type char(1) NOT NULL, is_online boolean NOT NULL, tags text[] NOT NULL, attrs jsonb NOT NULL, install_date date NOT NULL,
    area_code varchar(6) NOT NULL
);
COMMENT ON TABLE device IS '设备';
COMMENT ON COLUMN device.device_no IS '设备编号';
COMMENT ON COLUMN device.device_name IS '设备名称';
COMMENT ON COLUMN device.status IS '状态：1-启用 2-停用 3-报废';
COMMENT ON COLUMN device.dev_type IS '设备类型(A:水表,B:电表,C:气表)';
COMMENT ON COLUMN device.is_online IS '是否在线';
COMMENT ON COLUMN device.tags IS '标签';
COMMENT ON COLUMN device.attrs IS '扩展属性';
COMMENT ON COLUMN device.install_date IS '安装日期';
COMMENT ON COLUMN device.area_code IS '片区编码';
CREATE TABLE area (area_code varchar(6) PRIMARY KEY, area_name varchar(30) NOT NULL);
COMMENT ON TABLE area IS '片区';
COMMENT ON COLUMN area.area_name IS '片区名称';
CREATE TABLE monthly_usage (device_id int REFERENCES device, ym int NOT NULL, usage_qty numeric(12,2) NOT NULL, fee_text varchar(12), pay_status int NOT NULL, PRIMARY KEY (device_id, ym));
COMMENT ON TABLE monthly_usage IS '月用量';
COMMENT ON COLUMN monthly_usage.ym IS '年月';
COMMENT ON COLUMN monthly_usage.usage_qty IS '用量';
COMMENT ON COLUMN monthly_usage.fee_text IS '费用';
COMMENT ON COLUMN monthly_usage.pay_status IS '缴费状态 0未缴 1已缴';
CREATE TABLE alarm_log (id int PRIMARY KEY, device_id int NOT NULL REFERENCES device, alarm_level int NOT NULL, alarm_time timestamp NOT NULL, handled char(1) NOT NULL);
COMMENT ON TABLE alarm_log IS '告警记录';
COMMENT ON COLUMN alarm_log.alarm_level IS '告警级别，1=一般；2=重要；3=紧急';
COMMENT ON COLUMN alarm_log.alarm_time IS '告警时间';
COMMENT ON COLUMN alarm_log.handled IS '是否处理（Y是N否）';
INSERT INTO area VALUES ('A01', '城东片区'), ('A02', '城西片区'), ('A03', '高新片区');
INSERT INTO device SELECT n, 'SB' || lpad(n::text, 4, '0'), (ARRAY['东门','西苑','南湖','北站'])[1 + n % 4] || n || '号', (ARRAY[1,1,2,1,3])[1 + n % 5], (ARRAY['A','B','C'])[1 + n % 3], n % 4 <> 0, CASE WHEN n % 2 = 0 THEN ARRAY['室外','防爆'] ELSE ARRAY['室内'] END, jsonb_build_object('vendor', (ARRAY['华立','威胜'])[1 + n % 2], 'weight', n % 7), date '2022-05-01' + n * 9, 'A0' || (1 + n % 3) FROM generate_series(1, 60) n;
INSERT INTO monthly_usage SELECT d, 202400 + m, 10 + (d * m) % 53, ((10 + (d * m) % 53) * 3)::text, (d + m) % 4 / 3 FROM generate_series(1, 60) d, generate_series(1, 12) m;
INSERT INTO alarm_log SELECT n, 1 + (n * 7) % 55, 1 + n % 3, timestamp '2024-03-01 06:00' + n * interval '29 hours', (ARRAY['Y','N'])[1 + n % 2] FROM generate_series(1, 150) n;
