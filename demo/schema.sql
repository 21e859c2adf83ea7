-- The seven tables of the demo business database, in schema public. Read by demo.schema.
-- Comments carry the nouns people use (synonyms in full-width parentheses, enumerations after the colon).

CREATE TABLE public.bss_company (
    id varchar(32) PRIMARY KEY,
    version integer NOT NULL,
    create_ts timestamp,
    created_by varchar(50),
    update_ts timestamp,
    updated_by varchar(50),
    delete_ts timestamp,
    deleted_by varchar(50),
    company_name varchar(255),
    company_no varchar(255)
);
COMMENT ON TABLE public.bss_company IS '管理公司（公司、分公司）：负责管理服务区的公司';
COMMENT ON COLUMN public.bss_company.id IS '主键';
COMMENT ON COLUMN public.bss_company.version IS '版本号';
COMMENT ON COLUMN public.bss_company.create_ts IS '创建时间';
COMMENT ON COLUMN public.bss_company.created_by IS '创建人';
COMMENT ON COLUMN public.bss_company.update_ts IS '更新时间';
COMMENT ON COLUMN public.bss_company.updated_by IS '更新人';
COMMENT ON COLUMN public.bss_company.delete_ts IS '删除时间（为空表示有效，非空表示已删除）';
COMMENT ON COLUMN public.bss_company.deleted_by IS '删除人';
COMMENT ON COLUMN public.bss_company.company_name IS '公司名称（管理公司、分公司、公司）';
COMMENT ON COLUMN public.bss_company.company_no IS '公司编码（公司编号）：H01 至 H08、Q01';

CREATE TABLE public.bss_service_area (
    id varchar(32) PRIMARY KEY,
    version integer NOT NULL,
    create_ts timestamp,
    created_by varchar(50),
    update_ts timestamp,
    updated_by varchar(50),
    delete_ts timestamp,
    deleted_by varchar(50),
    service_area_name varchar(255),
    service_area_no varchar(255),
    company_id varchar(32),
    service_position varchar(255),
    service_area_type varchar(50),
    service_state varchar(50)
);
COMMENT ON TABLE public.bss_service_area IS '服务区（停车区）：高速公路服务区基本信息';
COMMENT ON COLUMN public.bss_service_area.id IS '主键';
COMMENT ON COLUMN public.bss_service_area.version IS '版本号';
COMMENT ON COLUMN public.bss_service_area.create_ts IS '创建时间';
COMMENT ON COLUMN public.bss_service_area.created_by IS '创建人';
COMMENT ON COLUMN public.bss_service_area.update_ts IS '更新时间';
COMMENT ON COLUMN public.bss_service_area.updated_by IS '更新人';
COMMENT ON COLUMN public.bss_service_area.delete_ts IS '删除时间（为空表示有效，非空表示已删除）';
COMMENT ON COLUMN public.bss_service_area.deleted_by IS '删除人';
COMMENT ON COLUMN public.bss_service_area.service_area_name IS '服务区名称（服务区、停车区）';
COMMENT ON COLUMN public.bss_service_area.service_area_no IS '服务区编码（服务区编号）：与每日经营数据的服务区编码相同';
COMMENT ON COLUMN public.bss_service_area.company_id IS '所属公司ID（管理公司ID）：对应管理公司的主键';
COMMENT ON COLUMN public.bss_service_area.service_position IS '服务区位置（位置、经纬度、坐标）：经度,纬度';
COMMENT ON COLUMN public.bss_service_area.service_area_type IS '服务区类型（类型）：信息化服务区、智能化服务区';
COMMENT ON COLUMN public.bss_service_area.service_state IS '服务区状态（状态）：开放、关闭、上传数据';

CREATE TABLE public.bss_service_area_mapper (
    id varchar(32) PRIMARY KEY,
    version integer NOT NULL,
    create_ts timestamp,
    created_by varchar(50),
    update_ts timestamp,
    updated_by varchar(50),
    delete_ts timestamp,
    deleted_by varchar(50),
    service_name varchar(255),
    service_no varchar(255),
    service_area_id varchar(32),
    source_system_type varchar(50),
    source_type integer
);
COMMENT ON TABLE public.bss_service_area_mapper IS '服务区编码映射（编码映射、映射）：服务区在各来源系统中的编码';
COMMENT ON COLUMN public.bss_service_area_mapper.id IS '主键';
COMMENT ON COLUMN public.bss_service_area_mapper.version IS '版本号';
COMMENT ON COLUMN public.bss_service_area_mapper.create_ts IS '创建时间';
COMMENT ON COLUMN public.bss_service_area_mapper.created_by IS '创建人';
COMMENT ON COLUMN public.bss_service_area_mapper.update_ts IS '更新时间';
COMMENT ON COLUMN public.bss_service_area_mapper.updated_by IS '更新人';
COMMENT ON COLUMN public.bss_service_area_mapper.delete_ts IS '删除时间（为空表示有效，非空表示已删除）';
COMMENT ON COLUMN public.bss_service_area_mapper.deleted_by IS '删除人';
COMMENT ON COLUMN public.bss_service_area_mapper.service_name IS '服务区名称（服务区）';
COMMENT ON COLUMN public.bss_service_area_mapper.service_no IS '来源系统编码（服务区编码）：服务区在来源系统中的编码';
COMMENT ON COLUMN public.bss_service_area_mapper.service_area_id IS '服务区ID：对应服务区的主键';
COMMENT ON COLUMN public.bss_service_area_mapper.source_system_type IS '数据来源系统（来源系统、系统）：司乘管理、商业管理、驿购、驿美、手工录入';
COMMENT ON COLUMN public.bss_service_area_mapper.source_type IS '数据来源类别（来源类别）：0 司乘管理、1 商业管理、3 驿购、4 驿美、5 手工录入';

CREATE TABLE public.bss_section_route (
    id varchar(32) PRIMARY KEY,
    version integer NOT NULL,
    create_ts timestamp,
    created_by varchar(50),
    update_ts timestamp,
    updated_by varchar(50),
    delete_ts timestamp,
    deleted_by varchar(50),
    section_name varchar(255),
    route_name varchar(255),
    code varchar(255)
);
COMMENT ON TABLE public.bss_section_route IS '路段路线（路段、路线）：高速公路路段与所属路线';
COMMENT ON COLUMN public.bss_section_route.id IS '主键';
COMMENT ON COLUMN public.bss_section_route.version IS '版本号';
COMMENT ON COLUMN public.bss_section_route.create_ts IS '创建时间';
COMMENT ON COLUMN public.bss_section_route.created_by IS '创建人';
COMMENT ON COLUMN public.bss_section_route.update_ts IS '更新时间';
COMMENT ON COLUMN public.bss_section_route.updated_by IS '更新人';
COMMENT ON COLUMN public.bss_section_route.delete_ts IS '删除时间（为空表示有效，非空表示已删除）';
COMMENT ON COLUMN public.bss_section_route.deleted_by IS '删除人';
COMMENT ON COLUMN public.bss_section_route.section_name IS '路段名称（路段）';
COMMENT ON COLUMN public.bss_section_route.route_name IS '路线名称（路线）：没有路线时为 /';
COMMENT ON COLUMN public.bss_section_route.code IS '路段编码（路段编号）';

CREATE TABLE public.bss_section_route_area_link (
    section_route_id varchar(32),
    service_area_id varchar(32),
    PRIMARY KEY (section_route_id, service_area_id)
);
COMMENT ON TABLE public.bss_section_route_area_link IS '路段与服务区关联（路段关联）：哪个路段经过哪个服务区';
COMMENT ON COLUMN public.bss_section_route_area_link.section_route_id IS '路段ID：对应路段路线的主键';
COMMENT ON COLUMN public.bss_section_route_area_link.service_area_id IS '服务区ID：对应服务区的主键';

CREATE TABLE public.bss_business_day_data (
    id varchar(32) PRIMARY KEY,
    version integer NOT NULL,
    create_ts timestamp,
    created_by varchar(50),
    update_ts timestamp,
    updated_by varchar(50),
    delete_ts timestamp,
    deleted_by varchar(50),
    oper_date date,
    service_no varchar(255),
    service_name varchar(255),
    branch_no varchar(255),
    branch_name varchar(255),
    wx numeric(19,4),
    wx_order integer,
    zfb numeric(19,4),
    zf_order integer,
    rmb numeric(19,4),
    rmb_order integer,
    xs numeric(19,4),
    xs_order integer,
    jd numeric(19,4),
    jd_order integer,
    order_sum integer,
    pay_sum numeric(19,4),
    source_type integer
);
COMMENT ON TABLE public.bss_business_day_data IS '每日经营数据（经营数据、营业数据）：每个档口每天一条';
COMMENT ON COLUMN public.bss_business_day_data.id IS '主键';
COMMENT ON COLUMN public.bss_business_day_data.version IS '版本号';
COMMENT ON COLUMN public.bss_business_day_data.create_ts IS '创建时间';
COMMENT ON COLUMN public.bss_business_day_data.created_by IS '创建人';
COMMENT ON COLUMN public.bss_business_day_data.update_ts IS '更新时间';
COMMENT ON COLUMN public.bss_business_day_data.updated_by IS '更新人';
COMMENT ON COLUMN public.bss_business_day_data.delete_ts IS '删除时间（为空表示有效，非空表示已删除）';
COMMENT ON COLUMN public.bss_business_day_data.deleted_by IS '删除人';
COMMENT ON COLUMN public.bss_business_day_data.oper_date IS '营业日期（日期、统计日期）';
COMMENT ON COLUMN public.bss_business_day_data.service_no IS '服务区编码（服务区编号）';
COMMENT ON COLUMN public.bss_business_day_data.service_name IS '服务区名称（服务区）';
COMMENT ON COLUMN public.bss_business_day_data.branch_no IS '档口编码（档口编号）';
COMMENT ON COLUMN public.bss_business_day_data.branch_name IS '档口名称（档口、门店、商户）';
COMMENT ON COLUMN public.bss_business_day_data.wx IS '微信支付金额（微信、微信支付、微信金额）';
COMMENT ON COLUMN public.bss_business_day_data.wx_order IS '微信支付订单数（微信订单数、微信订单量）';
COMMENT ON COLUMN public.bss_business_day_data.zfb IS '支付宝支付金额（支付宝、支付宝支付、支付宝金额）';
COMMENT ON COLUMN public.bss_business_day_data.zf_order IS '支付宝支付订单数（支付宝订单数、支付宝订单量）';
COMMENT ON COLUMN public.bss_business_day_data.rmb IS '现金支付金额（现金、现金支付、现金金额）';
COMMENT ON COLUMN public.bss_business_day_data.rmb_order IS '现金支付订单数（现金订单数、现金订单量）';
COMMENT ON COLUMN public.bss_business_day_data.xs IS '行吧支付金额（行吧、行吧支付、行吧金额）';
COMMENT ON COLUMN public.bss_business_day_data.xs_order IS '行吧支付订单数（行吧订单数、行吧订单量）';
COMMENT ON COLUMN public.bss_business_day_data.jd IS '金豆支付金额（金豆、金豆支付、金豆金额）';
COMMENT ON COLUMN public.bss_business_day_data.jd_order IS '金豆支付订单数（金豆订单数、金豆订单量）';
COMMENT ON COLUMN public.bss_business_day_data.order_sum IS '订单总数（订单数、订单量、订单总量、总订单数）';
COMMENT ON COLUMN public.bss_business_day_data.pay_sum IS '支付总金额（营收、收入、销售额、营业额、总营收、总收入）';
COMMENT ON COLUMN public.bss_business_day_data.source_type IS '数据来源类别（来源类别）：0 人工录入、1 系统导入、2 驿购、3 驿美、4 商业管理';

CREATE TABLE public.bss_car_day_count (
    id varchar(32) PRIMARY KEY,
    version integer NOT NULL,
    create_ts timestamp,
    created_by varchar(50),
    update_ts timestamp,
    updated_by varchar(50),
    delete_ts timestamp,
    deleted_by varchar(50),
    customer_count bigint,
    car_type varchar(100),
    count_date date,
    service_area_id varchar(32)
);
COMMENT ON TABLE public.bss_car_day_count IS '每日车流量统计（车流、车流统计）：每个服务区每种车型每天一条';
COMMENT ON COLUMN public.bss_car_day_count.id IS '主键';
COMMENT ON COLUMN public.bss_car_day_count.version IS '版本号';
COMMENT ON COLUMN public.bss_car_day_count.create_ts IS '创建时间';
COMMENT ON COLUMN public.bss_car_day_count.created_by IS '创建人';
COMMENT ON COLUMN public.bss_car_day_count.update_ts IS '更新时间';
COMMENT ON COLUMN public.bss_car_day_count.updated_by IS '更新人';
COMMENT ON COLUMN public.bss_car_day_count.delete_ts IS '删除时间（为空表示有效，非空表示已删除）';
COMMENT ON COLUMN public.bss_car_day_count.deleted_by IS '删除人';
COMMENT ON COLUMN public.bss_car_day_count.customer_count IS '车辆数量（车流量、车流、通行量、车辆数、总车流量）';
COMMENT ON COLUMN public.bss_car_day_count.car_type IS '车辆类型（车型、车辆类别）：其他、危化品、城际、过境';
COMMENT ON COLUMN public.bss_car_day_count.count_date IS '统计日期（日期）';
COMMENT ON COLUMN public.bss_car_day_count.service_area_id IS '服务区ID：对应服务区的主键';

CREATE INDEX bss_service_area_no ON public.bss_service_area (service_area_no);
CREATE INDEX bss_service_area_company ON public.bss_service_area (company_id);
CREATE INDEX bss_service_area_mapper_area ON public.bss_service_area_mapper (service_area_id);
CREATE INDEX bss_section_route_area_link_area ON public.bss_section_route_area_link (service_area_id);
CREATE INDEX bss_business_day_data_date ON public.bss_business_day_data (oper_date, service_no);
CREATE INDEX bss_business_day_data_service ON public.bss_business_day_data (service_no, oper_date);
CREATE INDEX bss_business_day_data_name ON public.bss_business_day_data (service_name, oper_date);
CREATE INDEX bss_car_day_count_date ON public.bss_car_day_count (count_date, service_area_id);
CREATE INDEX bss_car_day_count_area ON public.bss_car_day_count (service_area_id, count_date);
