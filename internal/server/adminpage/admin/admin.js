// The page where an admin enrols, logs in, and agrees to what another proposes.
// Texts of others go into the page as text alone.
'use strict'

let me = null // who is logged in
const $ = id => document.getElementById(id)
const say = text => { $('status').textContent = text }

// api asks the server; an error has the server's own words.
async function api(method, path, body, again = true) {
  const r = await fetch('/v1/admin/' + path, {
    method, credentials: 'same-origin', headers: body ? { 'Content-Type': 'application/json' } : {},
    body: body ? JSON.stringify(body) : undefined,
  })
  const answer = await r.json()
  if (r.status === 403 && answer.field === 'step_up' && again && me && !me.issuer) {
    // The passkey once more, and then what was asked for, by nobody else.
    if ((await login()).id !== me.id) {
      await show()
      throw new Error('登录的是另一个人 · somebody else has logged in')
    }
    return api(method, path, body, false)
  }
  if (!r.ok) throw Object.assign(new Error(answer.message || r.status), { status: r.status })
  return answer
}

// The token is taken out of the address at once: it must not stay in the history.
const fragment = new URLSearchParams(location.hash.slice(1))
const invite = fragment.get('invite')

// What a log-in by the identity provider came back with; the server's log has more.
const provided = {
  unauthenticated: '登录未通过核对，请重新开始 · the log-in does not check; begin again',
  forbidden: '该账号不是管理员，或没有对应角色。首次使用请打开邀请链接 · this account is no admin here, or has no role; the first time, open the link of your invitation',
  conflict: '该账号已是或曾是管理员 · this account is or was an admin already',
  unavailable: '身份提供方暂不可用，请稍后再试或使用通行密钥 · the identity provider cannot be reached; try again later, or use a passkey',
  rate_limited: '尝试过多，请稍候 · too many tries; wait a little',
}
const came = fragment.get('login')
if (location.hash) history.replaceState(null, '', location.pathname)

async function ceremony(kind, begin, use) {
  const { ceremony, options } = await api('POST', kind + '/begin', begin)
  const credential = await use(options.publicKey)
  return api('POST', kind + '/finish', { ceremony, credential: credential.toJSON() })
}

const enrol = () => ceremony('enrol', { invite }, o => navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(o) }))
const login = () => ceremony('login', {}, o => navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(o) }))

// provide sends the browser to the identity provider.
const provide = invite => async () => location.assign((await api('POST', 'oidc/begin', invite ? { invite } : {})).address)

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
  me = null
  try {
    me = await api('GET', 'session')
  } catch (e) {
    if (e.status !== 401) throw e
  }
  $('in').hidden = !me
  $('out').hidden = !!me
  const ways = me ? {} : await api('GET', 'login')
  $('enrol').hidden = !invite
  $('provided').hidden = $('oidc').hidden = !ways.oidc
  $('oidc-enrol').hidden = !ways.oidc || !invite
  if (!me) return
  $('name').textContent = me.name
  $('roles').textContent = me.roles.join(', ')
  const list = await api('GET', 'proposals').catch(() => ({ proposals: [] }))
  $('proposals').replaceChildren(...list.proposals.map(proposal))
}

act('enrol', enrol)
act('login', login)
act('oidc', provide())
act('oidc-enrol', provide(invite))
act('logout', () => api('POST', 'logout', {}))
if (came) say(Object.hasOwn(provided, came) ? provided[came] : '未成功 · not done')
show().catch(e => say(e.message))
