#!/usr/bin/env python3
"""The arena's page in a real browser: a battle by mouse and by keys, and what could go wrong.

Usage: page_test.py SERVER SCREENSHOTS [TEST]...

SERVER is arena_page_server. Screenshots of every view, on a desktop, a phone and in the dark, go
to the folder SCREENSHOTS. Exit status 77 where there is no Chromium: skipped.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

from webdriver import Browser, is_there

server_program, screenshots = None, None
OPEN = "return !!document.querySelector('#choices') && !document.querySelector('#choices').disabled"
# What a checker of accessibility finds by itself: names, labels, ids, languages, headings.
ACCESSIBILITY = """
const found = [];
const say = (what, node) => found.push(what + ': ' + node.outerHTML.slice(0, 120));
const ids = new Set();
for (const node of document.querySelectorAll('[id]')) {
  if (ids.has(node.id)) say('id twice', node);
  ids.add(node.id);
}
const name = (node) => (node.getAttribute('aria-label') ?? '') + node.textContent.trim();
for (const node of document.querySelectorAll('a[href], button, summary')) {
  if (!name(node)) say('no name', node);
}
for (const node of document.querySelectorAll('input:not([type=hidden]), textarea, select')) {
  if (node.labels.length === 0) say('no label', node);
}
for (const node of document.querySelectorAll('img:not([alt]), svg[role=img]:not([aria-label])')) {
  say('no text', node);
}
for (const node of document.querySelectorAll('fieldset')) {
  if (node.querySelector('input[type=radio], input[type=checkbox]') && !node.querySelector('legend')) {
    say('no legend', node);
  }
}
for (const node of document.querySelectorAll('[tabindex]')) {
  if (node.tabIndex > 0) say('tab order', node);
}
if (!document.documentElement.lang) found.push('no language');
if (!document.title) found.push('no title');
if (document.querySelectorAll('h1').length !== 1) found.push('not one h1');
if (document.querySelectorAll('main').length !== 1) found.push('not one main');
if (document.documentElement.scrollWidth > innerWidth + 1) found.push('wider than the window');

// WCAG contrast of text against what is painted behind it.
const parse = (text) => {
  const parts = text.match(/[\\d.]+/g).map(Number);
  return {rgb: parts.slice(0, 3), alpha: parts[3] ?? 1};
};
const light = ([r, g, b]) => {
  const part = (v) => v <= 10.31475 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4;
  return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
};
const ground = (node) => {
  for (let at = node; at; at = at.parentElement) {
    const {rgb, alpha} = parse(getComputedStyle(at).backgroundColor);
    if (alpha > 0.99) return rgb;
  }
  return parse(getComputedStyle(document.body).backgroundColor).rgb;
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode.parentElement;
  if (!walker.currentNode.textContent.trim() || !node.checkVisibility?.()) continue;
  if (node.closest('fieldset:disabled, svg, script, noscript, kbd')) continue;
  const style = getComputedStyle(node);
  const [a, b] = [light(parse(style.color).rgb), light(ground(node))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  const isLarge = parseFloat(style.fontSize) >= 24 ||
    parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700;
  if (ratio < (isLarge ? 3 : 4.5)) say('contrast ' + ratio.toFixed(2), node);
}
return found;
"""


class Server:
    """arena_page_server with a database of its own."""

    def __init__(self, mode=""):
        self.folder = tempfile.TemporaryDirectory(prefix="agon-page-")
        arguments = [server_program, self.folder.name] + ([mode] if mode else [])
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline().split()[1])}"

    def close(self):
        self.process.stdin.close()
        self.process.wait(30)
        self.process.stdout.close()
        self.folder.cleanup()

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=20) as reply:
            return json.load(reply)

    def votes(self):
        metrics = urllib.request.urlopen(self.url + "/metrics", timeout=20).read().decode()
        counted = [line for line in metrics.splitlines()
                   if line.startswith('agon_arena_votes_total{status="counted"}')]
        return int(counted[0].split()[-1]) if counted else 0


class PageTest(unittest.TestCase):
    mode = "votes"

    @classmethod
    def setUpClass(cls):
        cls.server = Server(cls.mode)

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def browser(self, **options):
        browser = Browser(**options)
        self.addCleanup(browser.close)
        return browser

    def battle(self, browser, prompt, is_open=True):
        browser.open(self.server.url + "/")
        browser.find("#prompt").type(prompt)
        browser.find("#start").click()
        browser.find("#battle")
        if is_open:
            browser.wait(lambda: browser.run(OPEN), what="the vote does not open")

    def check(self, browser, label):
        self.assertEqual(browser.run(ACCESSIBILITY), [], label)
        self.assertEqual(browser.console(), [], label)

    def test_battle_by_mouse(self):
        browser = self.browser()
        before = self.server.votes()
        self.battle(browser, "A battle by mouse")
        self.assertNotIn("demo/", browser.run("return document.documentElement.outerHTML"))
        browser.find(".choice-a").click()
        self.assertEqual(browser.find("#result h2").text, "You preferred A")
        self.assertEqual(browser.count("#result a.model"), 2)
        self.assertRegex(browser.find("#result .gain").text, r"^\+\d+\.\d Elo$")
        self.assertEqual(self.server.votes(), before + 1)
        browser.find("#result summary").click()
        browser.find(".chips label").click()
        browser.find("#words").type("because it is right")
        browser.find("#comment button").click()
        browser.find(".thanks")
        browser.find("#next").click()
        browser.find("#vote")
        self.assertEqual(browser.console(), [])

    def test_battle_by_keys(self):
        browser = self.browser()
        for key, heading in (("1", "You preferred A"), ("2", "You preferred B"),
                             ("3", "You called it a tie"), ("4", "You found both bad")):
            before = self.server.votes()
            self.battle(browser, "A battle by keys")
            browser.press(key)
            self.assertEqual(browser.find("#result h2").text, heading)
            self.assertEqual(self.server.votes(), before + 1)
        browser.press("n")
        browser.find("#vote")

    def test_arrow_keys_choose_and_enter_votes(self):
        browser = self.browser()
        before = self.server.votes()
        self.battle(browser, "By arrow keys")
        browser.run("document.querySelector('input[value=a]').focus()")
        browser.press("ArrowRight")
        self.assertTrue(browser.run("return document.querySelector('input[value=b]').checked"))
        self.assertEqual(self.server.votes(), before)
        browser.press("Enter")
        self.assertEqual(browser.find("#result h2").text, "You preferred B")

    def test_the_vote_opens_when_both_have_ended(self):
        browser = self.browser()
        self.battle(browser, "slow please", is_open=False)
        browser.find(".reply[data-live]")
        browser.wait(lambda: browser.run(
            "return document.querySelector('.side-a .text').textContent.length") > 20)
        self.assertFalse(browser.run(OPEN))
        browser.press("1")
        browser.reload()  # in the middle: it goes on
        browser.wait(lambda: browser.run(OPEN), 20)
        self.assertEqual(browser.count("#result"), 0)

    def test_double_click_counts_once(self):
        browser = self.browser()
        before = self.server.votes()
        self.battle(browser, "A double click")
        browser.double_click(browser.find(".choice-b"))
        browser.find("#result")
        time.sleep(0.3)
        self.assertEqual(self.server.votes(), before + 1)

    def test_back_button_and_replay(self):
        browser = self.browser()
        before = self.server.votes()
        self.battle(browser, "Back and again")
        fields = browser.run("const f = new FormData(document.querySelector('#vote'));"
                             "f.set('choice', 'b'); return new URLSearchParams(f).toString()")
        action = browser.run("return document.querySelector('#vote').getAttribute('action')")
        browser.find(".choice-a").click()
        browser.find("#result")
        browser.back()
        browser.find("#result")  # the vote stands; no form to vote with
        self.assertEqual(browser.count("#vote"), 0)
        status = browser.run(
            "return fetch(arguments[0], {method: 'POST', body: arguments[1], headers: "
            "{'Content-Type': 'application/x-www-form-urlencoded'}}).then((r) => r.status)",
            action, fields)
        self.assertEqual(status, 200)  # shows what was counted
        browser.reload()
        self.assertEqual(browser.find("#result h2").text, "You preferred A")
        self.assertEqual(self.server.votes(), before + 1)

    def test_hostile_text_is_inert(self):
        browser = self.browser()
        corpus = (pathlib.Path(__file__).parent / "hostile.txt").read_text()
        self.battle(browser, "hostile")
        for where in ("live", "reloaded", "voted", "sample"):
            if where == "reloaded":
                browser.reload()
            if where == "voted":
                browser.press("1")
                browser.find("#result")
            if where == "sample":
                browser.find("#result a.model").click()
                browser.find(".sample")
            time.sleep(0.3)
            self.assertIsNone(browser.run("return window.hacked ?? null"), where)
            self.assertEqual(browser.run(
                "return [...document.querySelectorAll('.text script, .text img, .text iframe, "
                ".text a, .text form, .text style, .text meta, .text base, .text svg, "
                ".text [onerror], .text [onload], .text [href], .text [src], .text [style]')]"
                ".map((node) => node.outerHTML)"), [], where)
            shown = browser.run("return document.querySelector('.side-a .text').textContent")
            self.assertIn("<script>window.hacked = 1</script>", shown)
        for url, _ in browser.requests():
            self.assertTrue(url.startswith((self.server.url, "data:", "chrome")), url)
        self.assertIn("tracker.invalid", corpus)

    def test_hostile_prompt_is_inert(self):
        browser = self.browser()
        self.battle(browser, "<img src=x onerror='window.hacked=1'><script>window.hacked=1</script>")
        self.assertIsNone(browser.run("return window.hacked ?? null"))
        self.assertEqual(browser.count(".asked img, .asked script"), 0)

    def test_text_made_to_be_slow_is_drawn_soon(self):
        browser = self.browser()
        for prompt in ("heavy", "heavy and whole"):
            self.battle(browser, prompt)
            browser.reload()
            browser.find(".side-b .text > *")
            times = browser.run("const e = performance.getEntriesByType('navigation')[0];"
                                "return e.loadEventEnd - e.responseEnd")
            self.assertLess(times, 5000, prompt)

    def test_spoilt_battles_say_so(self):
        browser = self.browser()
        for prompt, heading in (("fail", "Not counted: a reply is missing"),
                                ("leak", "Not counted: a reply named its model")):
            self.battle(browser, prompt, is_open=False)
            self.assertEqual(browser.find("#result h2").text, heading)
            self.assertEqual(browser.count("#vote"), 0)

    def test_turns(self):
        browser = self.browser()
        self.battle(browser, "First question")
        browser.find(".more summary").click()
        browser.find("#text").type("Second question")
        browser.find("#turn button").click()
        browser.wait(lambda: browser.count(".turn") == 2 and browser.run(OPEN))
        browser.press("3")
        browser.find("#result")
        self.assertEqual(browser.count(".reply"), 4)

    def test_without_scripts(self):
        browser = self.browser(scripts=False)
        before = self.server.votes()
        browser.open(self.server.url + "/")
        browser.find("#prompt").type("No scripts here")
        browser.find("#start").click()
        end = time.monotonic() + 20
        while time.monotonic() < end:  # the page looks again by itself
            try:
                if browser.find("#choices").attribute("disabled") is None:
                    break
            except RuntimeError:  # between two pages there is nothing to find
                pass
            time.sleep(0.3)
        browser.find(".choice-b").click()
        browser.find(".confirm").click()
        self.assertEqual(browser.find("#result h2").text, "You preferred B")
        self.assertEqual(self.server.votes(), before + 1)
        browser.open(self.server.url + "/leaderboard")
        self.assertIn("demo/rl-000100", browser.find("noscript pre").text)

    def test_mathematics_and_code(self):
        browser = self.browser()
        self.battle(browser, "Show me")
        self.assertGreaterEqual(browser.count(".side-a math mfrac"), 1)
        self.assertGreaterEqual(browser.count(".side-b math msqrt"), 1)
        self.assertEqual(browser.run(
            "return document.querySelector('.side-b pre.code code').textContent"),
            "pencils = 7 * 12\nprint(pencils - pencils // 4)")
        self.assertEqual(browser.count(".side-b table tbody tr"), 2)
        self.assertEqual(browser.count(".side-a ol li"), 3)

    def test_leaderboard_filters(self):
        browser = self.browser()
        browser.open(self.server.url + "/leaderboard")
        browser.find("#ranks")
        self.assertEqual(browser.count("#ranks tbody tr"), 5)
        browser.run("const s = document.querySelector('select[name=stage]'); s.value = 'rl';"
                    "s.dispatchEvent(new Event('change'))")
        browser.wait(lambda: browser.count("#ranks tbody tr") == 3)
        self.assertIn("stage=rl", browser.address)
        browser.reload()
        browser.wait(lambda: browser.count("#ranks tbody tr") == 3)
        self.assertEqual(browser.console(), [])

    def test_steps_chart_begins_where_the_models_do(self):
        browser = self.browser()
        browser.open(self.server.url + "/leaderboard")
        browser.find("#ranks")
        places, width, words = browser.run("""
            const chart = document.querySelector('svg[aria-label="Elo over training steps"]');
            const all = (name) => [...chart.querySelectorAll(name)];
            return [all('circle').map((dot) => Number(dot.getAttribute('cx'))),
                    chart.viewBox.baseVal.width, all('text').map((text) => text.textContent)]""")
        self.assertEqual(len(places), 5)  # at steps 150 to 400
        self.assertGreater(max(places) - min(places), 0.75 * width)
        for step in ("150", "200", "400"):
            self.assertIn(step, words)
        self.assertNotIn("0", words)

    def test_games_move_by_move(self):
        browser = self.browser()
        browser.open(self.server.url + "/games")
        browser.find(".board")
        stones = "return document.querySelectorAll('.board [class^=stone]').length"
        self.assertEqual(browser.run(stones), 6)
        for expected in (7, 8, 9, 9):
            browser.find("#forward_one").click()
            self.assertEqual(browser.run(stones), expected)
        browser.find("#to_start").click()
        self.assertEqual(browser.run(stones), 6)
        browser.find("#play").click()
        browser.wait(lambda: browser.run(stones) == 9)
        browser.run("document.querySelectorAll('.list button')[4].click()")
        browser.find("#to_end").click()  # what ended this one was no move
        self.assertEqual(browser.run(stones), 8)
        browser.run("document.querySelectorAll('.list button')[5].click()")
        browser.find("#to_end").click()  # both sides' last moves, of which no board tells
        self.assertEqual(browser.run(stones), 10)
        self.assertEqual(browser.find(".board .last").attribute("class"), "stone-o last")

    def test_weight_and_first_paint(self):
        browser = self.browser()
        browser.open(self.server.url + "/")
        browser.requests()
        total, paints = 0, []
        for path in ("/", "/leaderboard", "/games", "/model?name=demo/rl-000100"):
            browser.open(self.server.url + path)
            time.sleep(0.5)
            paints.append(browser.run(
                "return performance.getEntriesByName('first-contentful-paint')[0].startTime"))
        for url, size in browser.requests():
            total += size if url.startswith(self.server.url) else 0
        print(f"first paint {[round(p) for p in paints]} ms, {total} bytes over the wire")
        fresh = self.browser()
        weight = 0
        self.battle(fresh, "How heavy is it?")
        for path in ("/leaderboard", "/games"):
            fresh.open(self.server.url + path)
            time.sleep(0.5)
        assets = {}
        for url, size in fresh.requests():
            if "/assets/" in url:
                assets[url] = max(assets.get(url, 0), size)
        weight = sum(assets.values())
        print(f"all files {weight} bytes")
        self.assertLess(weight, 150_000)
        self.assertLess(max(paints), 200 * 4)  # the machine may be busy

    def views(self, browser, label):
        def shot(view, whole=True):
            self.check(browser, f"{label} {view}")
            browser.screenshot(screenshots / f"{label}-{view}.png", whole)

        browser.open(self.server.url + "/")
        shot("start")
        browser.find("#draw").click()
        browser.find("#battle")
        browser.wait(lambda: browser.run(OPEN))
        shot("battle", whole=False)
        time.sleep(0.6)
        browser.find(".choice-a").click()
        browser.find("#result")
        shot("result", whole=False)
        for view, path, mark in (("leaderboard", "/leaderboard", "#ranks"),
                                 ("model", "/model?name=demo/rl-000100", ".sample"),
                                 ("games", "/games", ".board")):
            browser.open(self.server.url + path)
            browser.find(mark)
            time.sleep(0.2)
            shot(view, whole=view != "model")

    def test_views_desktop(self):
        self.views(self.browser(), "desktop")

    def test_views_phone(self):
        self.views(self.browser(width=390, height=844, phone=True), "phone")

    def test_views_dark(self):
        self.views(self.browser(dark=True), "dark")

    def test_views_korean(self):
        self.views(self.browser(language="ko"), "korean")


class EmptyArenaTest(PageTest):
    mode = "empty"

    def test_offers_checkpoints(self):
        browser = self.browser()
        browser.open(self.server.url + "/")
        browser.find("#enter")
        self.check(browser, "empty")
        browser.screenshot(screenshots / "desktop-empty.png")
        browser.open(self.server.url + "/leaderboard")
        browser.find(".notice")
        browser.open(self.server.url + "/")
        browser.find("#enter").click()
        browser.find("#prompt")


# Only its own.
for inherited in [name for name in dir(PageTest) if name.startswith("test_")]:
    setattr(EmptyArenaTest, inherited, None)


def main():
    global server_program, screenshots
    if len(sys.argv) < 3:
        print(__doc__)
        return 2
    if not is_there():
        print("skipped: chromium and chromedriver aren't here; scripts/deps.sh --dev installs them")
        return 77
    server_program, screenshots = sys.argv[1], pathlib.Path(sys.argv[2])
    screenshots.mkdir(parents=True, exist_ok=True)
    return 0 if unittest.main(argv=sys.argv[:1] + sys.argv[3:], exit=False).result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
