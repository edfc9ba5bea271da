"""The page: its tabs, its looks and how it is served."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from app.server import environment

environment.settle()  # before gradio is imported

import gradio as gr  # noqa: E402
from starlette.middleware import Middleware  # noqa: E402

from app.images import LARGEST  # noqa: E402
from app.inputs import Front  # noqa: E402
from app.server.address import in_url  # noqa: E402
from app.server.gate import Gate  # noqa: E402
from app.server.gradio_patches import no_room, refuse_in_a_sentence, wrong_argument  # noqa: E402
from app.site import Site  # noqa: E402
from app.tabs import about, ask, attack, compare, explain, others, test_images  # noqa: E402
from model.card import PAPER  # noqa: E402

TITLE = "Learn To Pay Attention"
HEADER = f"""<header><h1>{TITLE}</h1>
<p>A network trained to attend says what it sees, and shows where each layer looked.</p></header>"""
FOOTER = f"""<footer><p>A map highlights where the features of an answer were taken from. It does not prove why the
class was chosen. After Jetley, Lord, Lee and Torr,
<a href="{PAPER}" target="_blank" rel="noopener">Learn To Pay Attention</a>, ICLR 2018.
Pictures stay on this server and are deleted within two hours of your last click.</p></footer>"""
TABS = {
    "Ask": ask.build,
    "Side by side": compare.build,
    "Attack": attack.build,
    "Other explanations": others.build,
    "Test images": test_images.build,
    "About": about.build,
}  # filled when first opened
SCRIPT = Path(__file__).with_name("page.js").read_text(encoding="utf-8")
CSS = Path(__file__).with_name("page.css")
BODY = 2 * LARGEST * 4 // 3 + 100_000  # bytes of a request: two pictures in base64, and what goes with them


def build(site: Site) -> gr.Blocks:
    """The whole page, not yet served."""
    with gr.Blocks(title=TITLE, fill_width=True) as page:
        gr.HTML(HEADER)
        with gr.Tabs() as tabs:
            with gr.Tab("Explain", id="explain"):
                front = Front(tabs, *explain.build(page, site))
            for name, build_tab in TABS.items():
                with gr.Tab(name, id=name.lower().replace(" ", "-")) as tab:
                    build_tab(tab, site, front)
        gr.HTML(FOOTER)
    refuse_in_a_sentence(page)
    return page.queue(max_size=64, default_concurrency_limit=2, api_open=False)


def theme() -> gr.themes.Base:
    """System fonts only, so that the page asks no other host for anything."""
    return gr.themes.Base(
        primary_hue="orange",
        secondary_hue="orange",
        neutral_hue="zinc",
        font=["Segoe UI", "Roboto", "Helvetica Neue", "Liberation Sans", "system-ui", "sans-serif"],
        font_mono=["ui-monospace", "Menlo", "Consolas", "Liberation Mono", "monospace"],
        spacing_size="sm",
        radius_size="md",
    ).set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_label_text_color="*neutral_700",
        block_label_text_color_dark="*neutral_200",
        block_title_text_color="*neutral_700",
        block_title_text_color_dark="*neutral_200",
        block_title_text_weight="600",
        link_text_color="*primary_700",
        link_text_color_hover="*primary_800",
        link_text_color_visited="*primary_700",
        link_text_color_active="*primary_700",
        link_text_color_dark="*primary_400",
        link_text_color_hover_dark="*primary_300",
        link_text_color_visited_dark="*primary_400",
        link_text_color_active_dark="*primary_400",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_800",
        button_primary_text_color="white",
        button_primary_text_color_dark="white",
        color_accent="*primary_600",
        slider_color="*primary_600",
        slider_color_dark="*primary_500",
        checkbox_background_color_selected="*primary_600",
        checkbox_background_color_selected_dark="*primary_500",
    )


def launch(page: gr.Blocks, host: str, port: int, wait: bool = True) -> None:
    """Serves the page.

    Args:
        page: what ``build`` returned.
        host: the address to listen on; 0.0.0.0 is every address of this machine, :: every IPv6 address.
        port: the port to listen on.
        wait: return only when interrupted; False returns at once and serves in the background.

    Raises:
        OSError: the port is taken, or the host is not this machine.
    """
    page.launch(
        server_name=in_url(host),
        server_port=port,
        prevent_thread_lock=not wait,
        quiet=True,
        share=False,
        _frontend=False,  # else gradio checks that it can be reached, and gives up after 3 seconds
        show_error=False,  # an unforeseen error must not show a visitor the server's paths
        max_file_size=LARGEST,
        state_session_capacity=64,  # of visitors and programs; what a tab holds may take some 40 MB
        app_kwargs={
            "exception_handlers": {TypeError: wrong_argument, KeyError: wrong_argument, OSError: no_room},
            "middleware": [Middleware(Gate, most=BODY)],
        },
        run_history=False,  # would keep visitors' pictures in their browser
        enable_monitoring=False,  # would show anyone the calls of others
        ssr_mode=False,
        pwa=False,
        footer_links=["api"],
        mcp_server=importlib.util.find_spec("mcp") is not None,
        theme=theme(),
        css_paths=CSS,
        js=SCRIPT,
    )
