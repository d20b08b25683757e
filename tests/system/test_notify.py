"""Telling people: against a web server and a mail server of the test's own, through failures and restarts."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from connectors.desk import Desk, notices
from connectors.desk.notices import GIVE_UP_S, health
from connectors.desk.tables import audit
from connectors.factory_file import factory_of
from connectors.notify.run import Telling, test_notice
from connectors.stores.memory import MemoryStore
from dashboards.cli import app
from twin.alarms import AlarmState
from twin.alarms.kept import AlarmsFolded
from twin.clock import NS_PER_S, ManualClock
from twin.errors import ConfigError
from twin.ports import Commit, Folded
from twin.sample import batch_of

test_notice.__test__ = False
HEAD = """
[hub]
id = "h"
name = "H"
[store]
url = "sqlite:///twin.db"
[[site]]
id = "jeonju"
name = "전주"
region = "전북"
timezone = "Asia/Seoul"
size_m = [10.0, 10.0]
[[site.asset]]
id = "weld/R-1"
type = "robot_arm"
name = { ko = "1호 로봇", en = "Robot 1" }
"""
START = 1_795_400_000 * NS_PER_S
SILENT = "jeonju/weld/R-1:silent"


class Post:
    """A web server that keeps what it is sent, and answers as it is told."""

    def __init__(self):
        post = self
        self.taken, self.answer = [], 200

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                post.taken.append((headers, json.loads(body)))
                self.send_response(post.answer)
                if post.answer == 302:
                    self.send_header("location", f"http://127.0.0.1:{post.port}/elsewhere")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class PostOffice:
    """As much of SMTP as takes a message; ``refuse`` is its answer to RCPT."""

    def __init__(self):
        self.mails, self.refuse, self.logins = [], "", []
        self._ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True).start()
        assert self._ready.wait(5)

    async def _serve(self):
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._loop, self._done = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        async with server:
            await self._done.wait()

    def close(self):
        self._loop.call_soon_threadsafe(self._done.set)

    async def _talk(self, reader, writer):
        def say(text):
            writer.write(f"{text}\r\n".encode())

        say("220 here")
        to = []
        while line := (await reader.readline()).decode().strip():
            verb = line.split()[0].upper()
            if verb == "EHLO":
                say("250 here")
            elif verb == "RCPT":
                say(self.refuse or "250 ok")
                to.append(line.partition(":")[2].strip("<>"))
            elif verb == "DATA":
                say("354 go on")
                lines = []
                while (row := await reader.readline()) != b".\r\n":
                    lines.append(row)
                self.mails.append((to, email.message_from_bytes(b"".join(lines), policy=email.policy.default)))
                say("250 taken")
            elif verb == "QUIT":
                say("221 bye")
                break
            else:
                say("250 ok")
        writer.close()


@pytest.fixture
def post():
    made = Post()
    yield made
    made.close()


@pytest.fixture
def office():
    made = PostOffice()
    yield made
    made.close()


class Plant:
    """A store with alarms, a desk, and the telling of a factory file; restarted when asked."""

    def __init__(self, tmp_path, tables):
        self.file = tmp_path / "factory.toml"
        self.file.write_text(HEAD + tables, encoding="utf-8")
        self.factory = factory_of(self.file.read_bytes(), self.file, {})
        self.store, self.clock, self.n = MemoryStore(), ManualClock(START), 0
        self.desk = None
        self.restart()

    def restart(self):
        if self.desk is not None:
            self.desk.close()
        self.desk = Desk(self.factory.store.url, self.clock)
        self.telling = Telling(self.factory, self.store, self.desk, self.clock)

    def alarm(self, row=1, **facts):
        self.n += 1
        asset = SILENT.partition(":")[0]
        facts = {"raised": True, "acknowledged": False, "raised_ns": self.clock.now_ns(), **facts}
        state = AlarmState(SILENT, asset, "silent", occurrence=row, **facts)
        batch = batch_of("w", self.n, self.clock.now_ns(), ())
        self.store.append(Commit(batch), lambda _: Folded((), (), alarms=AlarmsFolded(changed={SILENT: state})))
        return state

    def look(self, after_s=1.0):
        self.clock.advance(after_s)
        self.telling.look()


WEBHOOK = """
[[notify]]
name = "night"
url = "http://127.0.0.1:{port}/hook"
priority = "medium"
over = true
every_s = 0
language = "en"
header = "X-Token"
secret = {{ file = "token" }}
"""


def test_a_webhook_is_told_once_through_a_restart_and_of_the_end(tmp_path, post):
    (tmp_path / "token").write_text("s3cret\n")
    plant = Plant(tmp_path, WEBHOOK.format(port=post.port))
    state = plant.alarm()
    plant.look()
    plant.restart()
    plant.look()
    ((headers, body),) = post.taken
    assert headers["x-token"] == "s3cret"
    assert headers["idempotency-key"] == body["id"]
    assert (body["kind"], body["count"], body["hub"]) == ("raised", 1, "h")
    (row,) = body["alarms"]
    assert (row["alarm"], row["priority"], row["asset_name"]) == (SILENT, 3, {"ko": "1호 로봇", "en": "Robot 1"})
    assert row["raised_at"].endswith("+09:00")
    assert row["action"]["ko"]
    assert "Robot 1 No longer heard" in body["subject"]
    assert row["action"]["en"] in body["text"]
    plant.alarm(acknowledged=True, raised_ns=state.raised_ns)
    plant.look()
    plant.look()
    assert [body["kind"] for _, body in post.taken] == ["raised", "over"]
    with plant.desk.reading() as connection:
        assert [row.act for row in connection.execute(select(audit))] == ["notice.make", "notice.make"]


def test_what_is_not_taken_is_tried_later_and_later_and_lost_by_no_restart(tmp_path, post):
    (tmp_path / "token").write_text("s3cret")
    plant = Plant(tmp_path, WEBHOOK.format(port=post.port))
    post.answer = 503
    plant.alarm()
    plant.look()
    plant.look(4)
    assert len(post.taken) == 1
    plant.restart()
    plant.look(1.5)
    assert len(post.taken) == 2, "after 5 s"
    plant.look(5)
    assert len(post.taken) == 2, "then after 10 s"
    (told,) = health(plant.desk)
    assert (told.sent, told.waiting, told.given_up, told.error) == (0, 1, 0, "the webhook answered 503")
    post.answer = 200
    plant.look(6)
    assert len({body["id"] for _, body in post.taken}) == 1
    assert (health(plant.desk)[0].sent, health(plant.desk)[0].error) == (1, "")
    plant.look(600)
    assert len(post.taken) == 3


def test_after_a_day_it_is_given_up_and_said(tmp_path, post):
    (tmp_path / "token").write_text("s3cret")
    plant = Plant(tmp_path, WEBHOOK.format(port=post.port))
    post.answer = 500
    plant.alarm()
    plant.look()
    plant.look(GIVE_UP_S + 1)
    assert health(plant.desk)[0].given_up == 1
    tries = len(post.taken)
    plant.look(3600)
    assert len(post.taken) == tries


def test_a_secret_follows_no_redirect(tmp_path, post):
    (tmp_path / "token").write_text("s3cret")
    plant = Plant(tmp_path, WEBHOOK.format(port=post.port))
    post.answer = 302
    plant.alarm()
    plant.look()
    assert len(post.taken) == 1
    assert health(plant.desk)[0].waiting == 1


def test_nobody_at_the_address_waits(tmp_path, post):
    (tmp_path / "token").write_text("s3cret")
    plant = Plant(tmp_path, WEBHOOK.format(port=post.port))
    post.close()
    plant.alarm()
    plant.look()
    assert "cannot be reached" in health(plant.desk)[0].error


MAIL = """
[mail]
host = "127.0.0.1"
port = {port}
tls = "none"
from = "twin@plant.example"
[[notify]]
name = "desk"
to = ["kim@plant.example", "lee@plant.example"]
priority = "low"
after_s = 30
"""


def test_a_mail_is_sent_in_korean_after_its_time(tmp_path, office):
    plant = Plant(tmp_path, MAIL.format(port=office.port))
    plant.alarm()
    plant.look(29)
    assert office.mails == []
    plant.look(1)
    ((to, mail),) = office.mails
    assert to == ["kim@plant.example", "lee@plant.example"]
    assert mail["from"] == "twin@plant.example"
    assert "1호 로봇 통신 두절" in mail["subject"]
    assert mail["message-id"].endswith(".factory-twin@plant.example>")
    text = mail.get_content()
    assert "조치: " in text
    assert "/alarms" in text


def test_a_mail_server_that_refuses_is_asked_again(tmp_path, office):
    plant = Plant(tmp_path, MAIL.format(port=office.port))
    office.refuse = "450 later"
    plant.alarm()
    plant.look(30)
    assert health(plant.desk)[0].waiting == 1
    office.refuse = ""
    plant.look(6)
    assert len(office.mails) == 1
    assert health(plant.desk)[0].sent == 1


def test_a_rule_that_went_is_said(tmp_path, post):
    (tmp_path / "token").write_text("s3cret")
    plant = Plant(tmp_path, WEBHOOK.format(port=post.port))
    post.answer = 500
    plant.alarm()
    plant.look()
    plant.file.write_text(HEAD, encoding="utf-8")
    plant.factory = factory_of(plant.file.read_bytes(), plant.file, {})
    plant.restart()
    plant.look(6)
    assert "no rule 'night'" in health(plant.desk)[0].error


def test_the_verb_sends_a_test(tmp_path, post):
    (tmp_path / "token").write_text("s3cret")
    file = tmp_path / "factory.toml"
    file.write_text(HEAD + WEBHOOK.format(port=post.port), encoding="utf-8")
    assert CliRunner().invoke(app, ["notify", str(file), "--test", "night"]).exit_code == 0
    assert post.taken[0][1]["subject"] == "[Factory Twin] This is a test."
    post.answer = 401
    refused = CliRunner().invoke(app, ["notify", str(file), "--test", "night"])
    assert (refused.exit_code, "401" in refused.output) == (1, True)


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ('[[notify]]\nname = "a"', "notify[0].url"),
        ('[[notify]]\nname = "a"\nurl = "ftp://x"', "notify[0].url"),
        ('[[notify]]\nname = "a"\nto = ["a@b"]', "notify[0].to"),
        ('[[notify]]\nname = "a"\nurl = "https://x"\nsecret = "s3cret"', "notify[0].secret"),
        ('[[notify]]\nname = "a"\nurl = "https://x"\nsites = ["seoul"]', "notify[0].sites"),
        ('[[notify]]\nname = "a"\nurl = "https://x"\n[[notify.quiet]]\nfrom = "25:00"\nto = "07:00"', "notify[0].quiet[0].from"),
        ('[[notify]]\nname = "a"\nurl = "https://x"\n[[notify.quiet]]\ndays = ["월"]\nfrom = "22:00"\nto = "07:00"', "notify[0].quiet[0].days"),
        ('[mail]\nhost = "m"\ntls = "none"\nusername = "u"\nfrom = "a@b"', "mail.tls"),
        ('[mail]\nhost = "m"', "mail.from"),
        ('[[notify]]\nname = "a"\nurl = "https://x"\n[[notify]]\nname = "a"\nurl = "https://y"', "notify"),
    ],
)  # fmt: skip
def test_each_mistake_of_the_file_is_told(tmp_path, table, key):
    with pytest.raises(ConfigError) as error:
        factory_of((HEAD + table).encode(), tmp_path / "factory.toml", {})
    assert [one.key for one in error.value.mistakes] == [key]


def test_old_notices_that_are_done_go(tmp_path, post, monkeypatch):
    monkeypatch.setattr(notices, "KEPT", 2)
    (tmp_path / "token").write_text("s3cret")
    plant = Plant(tmp_path, WEBHOOK.format(port=post.port).replace("over = true", ""))
    for row in range(1, 8):
        plant.alarm(row)
        plant.look()
    assert len(post.taken) == 7
    with closing(plant.desk), plant.desk.reading() as connection:
        assert len(connection.execute(select(notices.notice)).all()) == 2
