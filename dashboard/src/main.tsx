import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app';
import { applyAppearance } from './state/appearance';
import './styles/tokens.css';
import './styles/base.css';
import './styles/shell.css';
import './styles/chat.css';
import './styles/talk.css';
import './styles/screens.css';
import './styles/webhooks.css';

const container = document.getElementById('root');
if (container === null) throw new Error('index.html has no #root');
applyAppearance();
createRoot(container).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
