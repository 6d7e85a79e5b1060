"""Runs the assistant: the servers of actions, language model and dialogue together, until Ctrl-C."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from tools.demo import DEMO_COMMAND, DemoCustomers, as_table
from tools.failure import Failure, run_command
from tools.outbox import MARK, SMTP_VARIABLE, OutboxWindow, ReadOutbox, database_outbox
from tools.progress import Step
from tools.project import MODEL, ROOT
from tools.services import (
    DEVELOPMENT_VARIABLE,
    LOOPBACK,
    SECRET_VARIABLE,
    Service,
    action_server,
    language_model_line,
    language_model_server,
    rasa_server,
    service_environment,
)
from tools.supervisor import Stopped, Supervisor

CHAT_PAGE = "/"
REST_ENDPOINT = "/webhooks/rest/webhook"
ARTICLES_VARIABLE = "FRONTDESK_ARTICLES_URL"
ARTICLE_PAGES = "/webhooks/rest/articles"
CURL_EXAMPLE = """curl -s {url} -H 'Content-Type: application/json' -d '{{"sender": "me", "message": "hello"}}'"""


def say(line: str) -> None:
    """One line to whoever watches."""
    print(line, flush=True)


def page(
    services: Sequence[Service],
    customers: Sequence[Mapping[str, object]],
    *,
    port: int,
    mails: bool,
    secret: bool,
    development: bool = False,
    language_model: str = "",
) -> list[str]:
    """The lines that say where everything is, once it runs.

    Args:
        mails: whether the development outbox is shown in this window.
        secret: whether the secret key was made up for this run.
        development: whether messages are taken without a session's token.
        language_model: what words the answers to open questions.
    """
    base = f"http://{LOOPBACK}:{port}"
    lines = ["", "The assistant is ready.", ""]
    lines += [f"  Chat page      {base}{CHAT_PAGE}", f"  REST endpoint  {base}{REST_ENDPOINT}"]
    if development:
        lines += [f"                 {CURL_EXAMPLE.format(url=base + REST_ENDPOINT)}"]
    if language_model:
        lines += [f"  Language model {language_model}"]
    lines += [f"  Logs           {', '.join(os.path.relpath(service.log, ROOT) for service in services)}"]
    if customers:
        lines += ["", "  Demo customers, to ask about their orders:"]
        lines += [f"    {line}" for line in as_table(customers)]
    lines += [""]
    if mails:
        lines += [f"  Mails with verification codes are not sent: they appear in this window, marked {MARK}."]
    if secret:
        lines += [f"  {SECRET_VARIABLE} is not set: a random key serves for this run (development)."]
    if development:
        lines += [f"  {DEVELOPMENT_VARIABLE}=1: messages are taken without a session's token (development)."]
    return [*lines, "  Ctrl-C ends everything.", ""]


def run(
    environment: Mapping[str, str],
    services: Sequence[Service] | None = None,
    demo_command: Sequence[str] = DEMO_COMMAND,
    open_outbox: Callable[[Mapping[str, str]], ReadOutbox] = database_outbox,
) -> int:
    """Starts the services, says where they are, and watches them until the end. Returns 0 after Ctrl-C.

    The last service is the one that people talk to.
    """
    language_model = None
    if services is None:
        if not MODEL.is_file():
            raise Failure("There is no trained model; run: make train")
        language_model = language_model_server(environment)
        services = [action_server(environment), *filter(None, [language_model]), rasa_server(environment)]
    settings, secret = service_environment(environment)
    # The shop's own site, which articles name as theirs, does not exist here: the channel shows them.
    settings.setdefault(ARTICLES_VARIABLE, f"http://{LOOPBACK}:{services[-1].port}{ARTICLE_PAGES}")
    mails = not settings.get(SMTP_VARIABLE)
    window: OutboxWindow | None = None
    began = time.monotonic()
    with Supervisor(services, settings, say=say) as running:
        try:
            running.start()
            customers = DemoCustomers(settings, demo_command)
            with Step("Starting the assistant") as step:
                running.wait_ready(step.update)
                step.finish("ready")
            if mails:
                window = OutboxWindow(open_outbox(settings), say)
            lines = page(
                services,
                customers.rows(),
                port=services[-1].port,
                mails=mails,
                secret=secret,
                development=settings[DEVELOPMENT_VARIABLE] == "1",
                language_model=language_model_line(
                    environment, language_model, language_model is not None and running.runs(language_model)
                ),
            )
            for line in lines:
                say(line)
            running.watch()
        except Stopped:
            say("\nEnding the assistant ...")
        finally:
            if window is not None:
                window.close()
    say(f"Ended after {time.monotonic() - began:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(lambda: run(os.environ)))
