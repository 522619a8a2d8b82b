// The site's front end: checks forms before they are sent, uploads documents from drop
// zones, draws the timeline, and opens the help box. Every page but the timeline works
// without it; the server judges everything again.
'use strict';

const words = JSON.parse(document.getElementById('words').textContent);
const token = document.querySelector('meta[name=csrf]')?.content;

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function refusal(text, name = '') {
  const made = element('p', { className: 'refused', role: 'alert' }, text);
  made.dataset.name = name;
  return made;
}

/** Fetches data of the site. A visitor whose session is over goes to sign in. */
async function data(address) {
  const answer = await fetch(address, { headers: { accept: 'application/json' } });
  if (answer.status === 401) {
    location.assign((await answer.json()).sign_in);
    return new Promise(() => {});
  }
  if (!answer.ok) throw new Error(`${address} answered ${answer.status}`);
  return answer.json();
}

// ---- forms --------------------------------------------------------------------------

function problem(field) {
  const { validity } = field;
  if (validity.badInput) return words.form.date;
  if (validity.valueMissing) return words.form.required;
  if (validity.rangeOverflow) return words.form.future;
  if (validity.typeMismatch) return words.form.email;
  if (validity.patternMismatch) return field.title;
  const twin = field.form.elements[field.dataset.same];
  return twin && twin.value !== field.value ? field.dataset.differs : null;
}

/** Shows what is wrong with a field, or takes away what was said of it. */
function mark(field, text) {
  const place = field.closest('.field');
  place.classList.toggle('wrong', Boolean(text));
  place.querySelector('.error')?.remove();
  field.removeAttribute('aria-invalid');
  if (!text) return;
  const id = `${field.name}-error`;
  place.append(element('p', { className: 'error', id }, text));
  field.setAttribute('aria-invalid', 'true');
  field.setAttribute('aria-describedby', id);
}

function checkBeforeSending(form) {
  form.noValidate = true;
  form.addEventListener('input', (event) => mark(event.target, null));
  form.addEventListener('submit', (event) => {
    const wrong = new Map();
    for (const field of form.elements) {
      if (!field.willValidate || !field.closest('.field') || wrong.has(field.name)) continue;
      if (['text', 'tel', 'email'].includes(field.type)) field.value = field.value.trim();
      const text = problem(field);
      mark(field, text);
      if (text) wrong.set(field.name, field);
    }
    if (wrong.size === 0) return;
    event.preventDefault();
    wrong.values().next().value.focus();
  });
}

// ---- documents ----------------------------------------------------------------------

const megabytes = (bytes) => `${(bytes / 1024 / 1024).toFixed(1)} MB`;

/** Why the document chosen in this field cannot be right; it is then no longer chosen. */
function check(field, rules, texts) {
  const file = field.files[0];
  const place = field.closest('.field');
  place.querySelector('.refused')?.remove();
  const rule = rules.documents.find((one) => one.name === field.name);
  let refused = null;
  if (file && file.size > rules.limit) refused = texts.too_large;
  else if (file?.type && !rule.accept.includes(file.type)) refused = texts.wrong_kind;
  if (refused) {
    field.value = '';
    place.append(refusal(refused, field.name));
  }
  const chosen = refused ? null : file;
  place.querySelector('.chosen').textContent = chosen
    ? `${texts.chosen}: ${chosen.name} (${megabytes(chosen.size)})`
    : '';
  place.querySelector('.drop').classList.toggle('full', Boolean(chosen));
}

function dropZones(form, known) {
  const texts = words.upload;
  const says = form.querySelector('.upload-status');
  const bar = form.querySelector('progress');
  const fields = [...form.querySelectorAll('input[type=file]')];
  const say = (text) => { says.textContent = text; };
  const fail = (text) => {
    bar.hidden = true;
    say('');
    form.ariaBusy = null;
    form.prepend(refusal(text));
  };

  form.ariaBusy = 'true';
  say(texts.loading);
  const rules = known ? Promise.resolve(known) : data(form.dataset.rules);
  rules.then(() => { form.ariaBusy = null; say(''); }, () => fail(words.failed));

  for (const field of fields) {
    const zone = field.closest('.drop');
    const look = () => rules.then((ruled) => check(field, ruled, texts), () => {});
    field.addEventListener('change', look);
    const over = (is) => (event) => {
      event.preventDefault();
      zone.classList.toggle('over', is);
    };
    zone.addEventListener('dragenter', over(true));
    zone.addEventListener('dragover', over(true));
    zone.addEventListener('dragleave', over(false));
    zone.addEventListener('drop', (event) => {
      over(false)(event);
      if (event.dataTransfer.files.length === 0) return;
      const first = new DataTransfer();
      first.items.add(event.dataTransfer.files[0]);
      field.files = first.files;
      look();
    });
  }

  let sending = false;
  const send = (ruled) => {
    fields.forEach((field) => { if (field.files.length) check(field, ruled, texts); });
    form.querySelector(':scope > .refused')?.remove();
    if (fields.every((field) => field.files.length === 0)) {
      if (!form.querySelector('.refused')) form.prepend(refusal(texts.nothing));
      return;
    }
    sending = true;
    bar.hidden = false;
    const request = new XMLHttpRequest();
    request.upload.addEventListener('progress', (event) => {
      bar.value = Math.floor((100 * event.loaded) / event.total);
      say(`${texts.sending} ${bar.value} %`);
    });
    request.addEventListener('error', () => { sending = false; fail(texts.broken); });
    request.addEventListener('load', () => {
      sending = false;
      const form = request.response?.querySelector('form#documents');
      if (form) {
        document.querySelector('main').replaceWith(form.closest('main'));
        dropZones(form, ruled);
        form.querySelector('.actions .button, .actions button').focus();
      } else if (new URL(request.responseURL).pathname === '/front/login') {
        location.assign(request.responseURL);
      } else {
        fail(`${texts.broken} (${request.status})`);
      }
    });
    request.open('POST', form.action);
    request.responseType = 'document';
    request.send(new FormData(form));
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (!sending) rules.then(send, () => {});
  });
  // Until here the page itself holds the form back.
  form.removeAttribute('data-held');
}

// ---- the timeline -------------------------------------------------------------------

async function timeline(app) {
  const spinner = element('p', { className: 'loading', role: 'status' }, words.loading);
  app.replaceChildren(spinner);
  let told;
  try {
    told = await data(app.dataset.events);
  } catch {
    app.replaceChildren(refusal(words.failed));
    return;
  }
  app.replaceChildren();
  const list = element('ol', { className: 'events' });
  for (const event of told.events) {
    const time = element('time', { dateTime: event.at }, event.shown);
    const item = element('li', {}, time, element('span', {}, event.text));
    item.dataset.kind = event.kind;
    list.append(item);
  }
  const state = element('p', { className: 'status' }, `${words.timeline.status}: ${told.status_text}`);
  state.dataset.status = told.status;
  app.append(state, list);
  app.dataset.ready = '';
}

// ---- small things -------------------------------------------------------------------

/** A link to help, which with script opens a box in its own shadow tree. */
class HelpBox extends HTMLElement {
  connectedCallback() {
    const root = this.attachShadow({ mode: 'open' });
    const panel = element('div', { id: 'panel', hidden: true },
      element('p', {}, words.help.text), element('slot'));
    const button = element('button', { id: 'toggle', type: 'button', ariaExpanded: 'false' }, words.help.open);
    button.addEventListener('click', () => {
      panel.hidden = !panel.hidden;
      button.ariaExpanded = String(!panel.hidden);
    });
    const style = element('style', {}, `
      :host { display: inline-block; }
      button { min-height: 2.75rem; padding: .4rem 1rem; font: inherit; color: inherit; background: none; border: 1px solid; border-radius: 2rem; cursor: pointer; }
      #panel { max-width: 22rem; margin-top: .5rem; padding: .25rem 1rem 1rem; text-align: left; border: 1px solid; border-radius: .5rem; }
      #panel[hidden] { display: none; }`);
    root.append(style, button, panel);
  }
}

/** Asks in a dialog instead of on a page of its own. */
function askAtOnce(link) {
  link.addEventListener('click', (event) => {
    event.preventDefault();
    if (confirm(words.withdraw)) location.assign(`${link.href}?confirm=${encodeURIComponent(token)}`);
  });
}

customElements.define('help-box', HelpBox);
document.querySelectorAll('a.withdraw').forEach(askAtOnce);
document.querySelectorAll('form[data-check]').forEach(checkBeforeSending);
document.querySelectorAll('button[data-print]').forEach((button) => {
  button.hidden = false;
  button.addEventListener('click', () => print());
});
document.querySelectorAll('#app').forEach((app) => timeline(app));
document.querySelectorAll('form#documents').forEach((form) => dropZones(form));
