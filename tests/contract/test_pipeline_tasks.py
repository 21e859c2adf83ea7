"""Pipeline tasks over HTTP: status codes, the stream of events, files as attachments, ids and bodies nobody wants."""

import json
import threading
from collections.abc import Iterator

import httpx
import pytest

from tests.contract.conftest import Start
from tests.contract.service_in_process import Service
from tests.fakes.task_worker import working
from tools.harness.model_server import ScriptedModelServer

TASKS = "/api/v0/data_pipeline/tasks"
DDL = {"execution_mode": "step", "step_name": "ddl_generation"}


@pytest.fixture(scope="module")
def service(start: Start, small_business_url: str, model: ScriptedModelServer, entry: str) -> Iterator[Service]:
    """Without a model: the templates write."""
    with start(small_business_url, model, entry, LLM_PROVIDER="offline") as running:
        yield running


@pytest.fixture(scope="module")
def worker(service: Service) -> Iterator[None]:
    with working(service.container):
        yield


def made(service: Service, **body: object) -> str:
    answer = service.client.post(TASKS, json=body)
    assert (answer.status_code, answer.json()["code"]) == (201, 200)
    task_id = str(answer.json()["data"]["task_id"])
    service.client.post(f"{TASKS}/{task_id}/table-list", json={"tables": ["bss_company"]}).raise_for_status()
    return task_id


@pytest.mark.entries("unified")
def test_a_run_is_accepted_watched_and_read(service: Service, worker: None) -> None:
    task_id = made(service, task_name="看得见", enable_training_data_load=False)
    events: list[dict[str, object]] = []

    def watch() -> None:
        with service.client.stream("GET", f"{TASKS}/{task_id}/events") as stream:
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    events.append(json.loads(line.removeprefix("data:"))["data"])

    watcher = threading.Thread(target=watch)
    watcher.start()
    answer = service.client.post(f"{TASKS}/{task_id}/execute", json=DDL)
    assert (answer.status_code, answer.json()["code"]) == (202, 200)
    watcher.join(30)
    kinds = [event["type"] for event in events]
    assert kinds[0] == "queued"
    assert kinds[-1] == "completed"
    assert any(
        event.get("subject") == "public.bss_company" or event.get("subject") == "bss_company" for event in events
    )
    data = service.client.get(f"{TASKS}/{task_id}").json()["data"]
    assert (data["status"], data["step_status"]["ddl_generation"]) == ("partial_completed", "completed")
    file = service.client.get(f"{TASKS}/{task_id}/files/bss_company.ddl")
    assert file.headers["content-disposition"] == "attachment; filename=bss_company.ddl"
    again = {"If-None-Match": file.headers["etag"]}
    assert service.client.get(f"{TASKS}/{task_id}/files/bss_company.ddl", headers=again).status_code == 304
    part = service.client.get(f"{TASKS}/{task_id}/files/bss_company.ddl", headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, file.content[:4])
    searched = {"step_name": "ddl_generation"}
    logs = service.client.post(f"{TASKS}/{task_id}/logs/query", json=searched).json()["data"]
    assert logs["logs"]
    assert {entry["step"] for entry in logs["logs"]} == {"ddl_generation"}
    assert logs["log_file_info"]["file_path"].startswith("training_data/")
    again_logs = service.client.post(f"{TASKS}/{task_id}/logs/query", json={"step_name": "ddl_generation"}).json()[
        "data"
    ]
    assert again_logs["pagination"]["total"] == logs["pagination"]["total"]


@pytest.mark.parametrize(
    "path",
    ["%2e%2e", "..%2f..", "%00", "a%20b", "x" * 70, "%e4%b8%ad", "task-1", "..%5c"],
)
def test_a_strange_id_is_no_task(service: Service, path: str) -> None:
    for rest in ("", "/files", "/files/x.md", "/table-list-info", "/logs", "/events"):
        answer = service.client.get(f"{TASKS}/{path}{rest}")
        assert answer.status_code in ((400, 404) if path == "%00" else (404,)), answer.text
        assert answer.json()["success"] is False


@pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        ("/query", {"page": 10**30}, "page"),
        ("/query", {"page": 0}, "页码必须大于0"),
        ("/query", {"page_size": 101}, "每页大小必须在1-100之间"),
        ("/query", {"status": "weird"}, "不支持的状态值: weird"),
        ("/query", {"sort_by": "id; drop"}, "不支持的排序字段: id; drop"),
        ("/query", {"sort_order": "up"}, "排序方向必须是 'asc' 或 'desc'"),
        ("/query", {"created_time_start": "yesterdayish"}, "created_time_start"),
        ("/query", {"task_name": "x" * 101}, "任务名称搜索关键词最大长度为100字符"),
        ("/query", {"db_name": ["a"]}, "参数类型错误"),
        ("/query", {"db_name": "a\0b"}, "参数包含无法处理的字符"),
        ("", {"task_name": "x" * 256}, "任务名称最大长度为255字符"),
        ("", {"table_list_file": "/etc/passwd"}, "table_list_file"),
        ("", {"table_list_file": "data_pipeline/../unified_api.py"}, "table_list_file"),
        ("", {"db_connection": "http://169.254.169.254/"}, "db_connection"),
        ("/x/execute", {"execution_mode": "all"}, "无效的执行模式"),
        ("/x/execute", {"execution_mode": "step", "step_name": "bogus"}, "无效的步骤名称"),
        ("/x/execute", {"execution_mode": "step"}, "步骤执行模式需要指定step_name"),
    ],
)
def test_a_bad_parameter_is_named(service: Service, path: str, body: dict[str, object], text: str) -> None:
    answer = service.client.post(f"{TASKS}{path}", json=body)
    assert answer.status_code == 400, answer.text
    assert text in answer.json()["data"]["response"] or text in str(answer.json()["data"])


@pytest.mark.parametrize("name", ["..%2f..%2fetc", "%2e%2e", "a%5cb", "a%00b", "%2fetc%2fpasswd"])
def test_a_hostile_file_name_is_refused(service: Service, name: str) -> None:
    task_id = made(service)
    assert service.client.get(f"{TASKS}/{task_id}/files/{name}").status_code in (400, 404)


def test_a_hostile_upload_is_refused(service: Service) -> None:
    task_id = made(service)
    for name in ("../x.md", "/tmp/x.md", "a\\b.md", "con.md"):
        answer = service.client.post(f"{TASKS}/{task_id}/files", files={"file": (name, b"x")})
        assert answer.status_code == 400, name
    listed = service.client.get(f"{TASKS}/{task_id}/files").json()["data"]["files"]
    assert [file["file_name"] for file in listed] == ["table_list.txt"]


def test_a_file_of_just_the_size_allowed_is_kept_and_a_larger_one_told_so(service: Service) -> None:
    task_id = made(service)
    most = 10 * 1024 * 1024
    for size, status in ((most, 200), (most + 1, 400), (most + 1024 * 1024, 400)):
        answer = service.client.post(f"{TASKS}/{task_id}/files", files={"file": (f"{size}.txt", b"x" * size)})
        assert answer.status_code == status, answer.text
    assert answer.json()["data"]["response"] == "文件大小超出限制: 11.0 MB，最大允许: 10.0 MB"
    listed = service.client.get(f"{TASKS}/{task_id}/files").json()["data"]["files"]
    assert sorted(file["file_size"] for file in listed)[-1] == most
    lists = service.client.post(f"{TASKS}/{task_id}/upload-table-list", files={"file": ("t.txt", b"x" * (most + 1))})
    assert (lists.status_code, lists.json()["data"]["response"]) == (400, "文件大小超过限制: 2MB")


def test_a_body_no_upload_needs_is_413(service: Service) -> None:
    answer = service.client.post(f"{TASKS}/t/files", content=b"x" * (21 * 1024 * 1024))
    assert (answer.status_code, answer.json()["data"]["error_type"]) == (413, "payload_too_large")
    answer = service.client.post(f"{TASKS}/t/table-list", content=b"x" * (11 * 1024 * 1024))
    assert answer.status_code == 413


def test_get_of_the_query_path_is_a_task_nobody_has(service: Service) -> None:
    answer: httpx.Response = service.client.get(f"{TASKS}/query")
    assert answer.status_code == 404
    assert answer.json()["data"]["response"] == "任务不存在: query"
