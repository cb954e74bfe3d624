"""A WebDriver client (W3C) for Chromium, on Python's library alone.

    with Browser() as browser:
        browser.open("http://127.0.0.1:8080/")
        browser.find("#start").click()
"""

import base64
import json
import pathlib
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {"Enter": "\ue007", "ArrowRight": "\ue014", "Tab": "\ue004", "Space": " "}


def is_there():
    return bool(shutil.which("chromium") and shutil.which("chromedriver"))


class Element:
    def __init__(self, browser, identity):
        self.browser, self.path = browser, f"/element/{identity}"

    def click(self):
        self.browser.ask("POST", self.path + "/click", {})

    def type(self, text):
        self.browser.ask("POST", self.path + "/value", {"text": text})

    @property
    def text(self):
        return self.browser.ask("GET", self.path + "/text")

    def attribute(self, name):
        return self.browser.ask("GET", f"{self.path}/attribute/{name}")

    @property
    def reference(self):
        return {ELEMENT: self.path.split("/")[-1]}


class Browser:
    """One window of a fresh profile; its console and its requests are recorded."""

    def __init__(self, width=1280, height=900, phone=False, dark=False, scripts=True, language="en"):
        self.profile = tempfile.mkdtemp(prefix="agon-browser-")
        self.session = None
        port = self._drive()
        try:
            self._start(port, width, height, phone, dark, scripts, language)
        except BaseException:
            self.close()
            raise

    def _drive(self):
        """Starts a driver and returns its port. One in many ends at once, as where its port is taken."""
        for _ in range(3):
            self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE,
                                           stderr=subprocess.DEVNULL)
            for line in self.driver.stdout:
                if b"started successfully on port" in line:
                    return int(line.rsplit(b" ", 1)[1].strip(b".\n"))
            self.driver.wait()
        raise RuntimeError("chromedriver did not start")

    def _start(self, port, width, height, phone, dark, scripts, language):
        self.url = f"http://127.0.0.1:{port}"
        options = {
            "binary": shutil.which("chromium"),
            "args": ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage",
                     "--disable-gpu", "--hide-scrollbars", "--no-first-run",
                     "--disable-background-networking", "--disable-component-update",
                     f"--user-data-dir={self.profile}/data", f"--window-size={width},{height}",
                     f"--lang={language}"],
            "prefs": {"intl.accept_languages": language,
                      "profile.managed_default_content_settings.javascript": 1 if scripts else 2},
        }
        if phone:
            options["mobileEmulation"] = {
                "deviceMetrics": {"width": width, "height": height, "pixelRatio": 2.0,
                                  "touch": True}}
        if dark:
            options["args"].append("--force-dark-mode")
            options["args"].append("--blink-settings=preferredColorScheme=0")
        wanted = {"browserName": "chrome", "goog:chromeOptions": options,
                  "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}
        reply = self._send("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.session = reply["sessionId"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            if self.session:
                self.ask("DELETE", "", None)
        except (OSError, RuntimeError):
            pass
        self.driver.terminate()
        self.driver.wait(20)
        self.driver.stdout.close()
        shutil.rmtree(self.profile, ignore_errors=True)

    def _send(self, method, path, body):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method,
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=90) as reply:
                return json.load(reply)["value"]
        except urllib.error.HTTPError as error:
            value = json.loads(error.read()).get("value", {})
            raise RuntimeError(f"{method} {path}: {value.get('error')}: "
                               f"{value.get('message', '')[:600]}") from None

    def ask(self, method, path, body=None):
        return self._send(method, f"/session/{self.session}{path}", body)

    def open(self, url):
        self.ask("POST", "/url", {"url": url})

    def back(self):
        self.ask("POST", "/back", {})

    def reload(self):
        self.ask("POST", "/refresh", {})

    @property
    def address(self):
        return self.ask("GET", "/url")

    def run(self, script, *arguments):
        return self.ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, selector, seconds=10):
        """The first element of `selector`, once there is one."""
        self.wait(lambda: self.count(selector) > 0, seconds, f"no {selector}")
        found = self.ask("POST", "/element", {"using": "css selector", "value": selector})
        return Element(self, found[ELEMENT])

    def count(self, selector):
        return self.run("return document.querySelectorAll(arguments[0]).length", selector)

    def wait(self, condition, seconds=15, what="waited in vain"):
        end = time.monotonic() + seconds
        while True:
            try:
                if condition():
                    return
            except RuntimeError as error:  # the page is being replaced
                what = f"{what}: {error}"
            if time.monotonic() > end:
                raise AssertionError(f"{what}; at {self.address}")
            time.sleep(0.05)

    def press(self, key):
        value = KEYS.get(key, key)
        self.ask("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": [
            {"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}]}]})

    def double_click(self, element):
        move = {"type": "pointerMove", "duration": 0, "origin": element.reference, "x": 0, "y": 0}
        down, up = {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}
        self.ask("POST", "/actions", {"actions": [{
            "type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"},
            "actions": [move, down, up, down, up]}]})

    def screenshot(self, path, whole=True):
        """PNG of the page; of all of it, or of what the window shows."""
        if whole:
            size = self.run("return [innerWidth, document.documentElement.scrollHeight]")
            shot = self.ask("POST", "/goog/cdp/execute", {
                "cmd": "Page.captureScreenshot",
                "params": {"captureBeyondViewport": True,
                           "clip": {"x": 0, "y": 0, "width": size[0], "height": size[1],
                                    "scale": 1}}})["data"]
        else:
            shot = self.ask("GET", "/screenshot")
        pathlib.Path(path).write_bytes(base64.b64decode(shot))

    def console(self):
        """Errors and warnings since the last call."""
        entries = self.ask("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]

    def requests(self):
        """[(URL, bytes over the wire)] since the last call."""
        urls, sizes = {}, {}
        for entry in self.ask("POST", "/se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            parameters = message["params"]
            if message["method"] == "Network.requestWillBeSent":
                urls[parameters["requestId"]] = parameters["request"]["url"]
            elif message["method"] == "Network.loadingFinished":
                sizes[parameters["requestId"]] = parameters["encodedDataLength"]
        return [(url, sizes.get(identity, 0)) for identity, url in urls.items()]
