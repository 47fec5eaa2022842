// The page where an admin enrols, logs in, and agrees to what another proposes.
// Texts of others go into the page as text alone.
'use strict'

const $ = id => document.getElementById(id)
const say = text => { $('status').textContent = text }

// api asks the server; an error has the server's own words.
async function api(method, path, body) {
  const r = await fetch('/v1/admin/' + path, {
    method, credentials: 'same-origin', headers: body ? { 'Content-Type': 'application/json' } : {},
    body: body ? JSON.stringify(body) : undefined,
  })
  const answer = await r.json()
  if (!r.ok) throw Object.assign(new Error(answer.message || r.status), { status: r.status })
  return answer
}

// The token is taken out of the address at once: it must not stay in the history.
const invite = new URLSearchParams(location.hash.slice(1)).get('invite')
if (location.hash) history.replaceState(null, '', location.pathname)

async function ceremony(kind, begin, use) {
  const { ceremony, options } = await api('POST', kind + '/begin', begin)
  const credential = await use(options.publicKey)
  return api('POST', kind + '/finish', { ceremony, credential: credential.toJSON() })
}

const enrol = () => ceremony('enrol', { invite }, o => navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(o) }))
const login = () => ceremony('login', {}, o => navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(o) }))

function act(button, f) {
  $(button).addEventListener('click', async () => {
    say('')
    try {
      await f()
      await show()
    } catch (e) {
      say('未成功 · not done: ' + e.message)
    }
  })
}

function proposal(p) {
  const item = document.createElement('li')
  const text = document.createElement('pre')
  text.textContent = `${p.action} ${p.app_id}\n${JSON.stringify(p.body)}\n${p.reason}\n${p.proposed_by} · ${p.state}`
  item.append(text)
  if (p.state === 'open') {
    for (const [agree, label] of [[true, '同意 · agree'], [false, '拒绝 · refuse']]) {
      const b = document.createElement('button')
      b.type = 'button'
      b.textContent = label
      b.addEventListener('click', async () => {
        try {
          const done = await api('POST', `proposals/${encodeURIComponent(p.id)}/decide`, { agree })
          await show()
          say(done.invite ? `${location.origin}/admin/#invite=${done.invite}` : done.state)
        } catch (e) {
          say('未成功 · not done: ' + e.message)
        }
      })
      item.append(b)
    }
  }
  return item
}

async function show() {
  let me = null
  try {
    me = await api('GET', 'session')
  } catch (e) {
    if (e.status !== 401) throw e
  }
  $('in').hidden = !me
  $('out').hidden = !!me
  $('enrol').hidden = !invite
  if (!me) return
  $('name').textContent = me.name
  $('roles').textContent = me.roles.join(', ')
  const list = await api('GET', 'proposals').catch(() => ({ proposals: [] }))
  $('proposals').replaceChildren(...list.proposals.map(proposal))
}

act('enrol', enrol)
act('login', login)
act('logout', () => api('POST', 'logout', {}))
show().catch(e => say(e.message))
