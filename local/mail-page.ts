import { type Mail } from './mailbox';

const shownMailsMax = 100;

/** The page of the local mailbox: the latest mails as plain text, newest first, reloaded every few seconds. */
export function renderMailPage(mails: readonly Mail[]): string {
  const rows = mails.slice(0, shownMailsMax).map(renderMail).join('\n');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="5">
<title>AgentChat local mailbox</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem; }
article { border: 1px solid #8886; border-radius: 6px; padding: .5rem 1rem; margin: 1rem 0; }
h2 { font-size: 1rem; margin: .25rem 0; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
small { opacity: .7; }
</style>
</head>
<body>
<h1>Local mailbox</h1>
<p>Mail that the stack has sent. Nothing leaves this machine. As JSON: <a href="/api/messages">/api/messages</a></p>
${rows === '' ? '<p>No mail yet.</p>' : rows}
</body>
</html>
`;
}

function renderMail(mail: Mail): string {
  return `<article>
<h2>${escapeHtml(mail.subject)}</h2>
<small>to ${escapeHtml(mail.to)}, ${escapeHtml(mail.received_at)}</small>
<pre>${escapeHtml(mail.text)}</pre>
</article>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
