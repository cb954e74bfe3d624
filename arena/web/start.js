// The first page: Ctrl+Enter starts, and a second click doesn't start twice.
const form = document.querySelector('form.ask');
if (form) {
  let sent = false;
  form.addEventListener('submit', (event) => {
    if (sent) event.preventDefault();
    sent = true;
  });
  addEventListener('pageshow', () => { sent = false; });
  form.querySelector('textarea').addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      form.requestSubmit(document.getElementById('start'));
    }
  });
}
