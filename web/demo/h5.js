// A web page of the old JS-SDK (1.0). Only the script's address differs from
// WeChat; config comes from the app's own server, here the demo's.
function verify(config, name, idCardNumber, done) {
  wx.config({
    beta: true, // brings wx.invoke
    debug: false,
    appId: config.appId,
    timestamp: config.timestamp,
    nonceStr: config.nonceStr,
    signature: config.signature,
    jsApiList: ['checkIsSupportFaceDetect', 'requestWxFacePictureVerify'],
  });
  var refused = false;
  wx.error(function (res) { refused = true; done(res); });
  wx.ready(function () { // runs after wx.error too, as in WeChat
    if (refused) return;
    wx.invoke('checkIsSupportFaceDetect', { check_alive_type: '2' }, function (res) {
      if (Number(res.err_code) !== 0) return done(res);
      wx.invoke('requestWxFacePictureVerify', {
        appid: config.appId,
        request_verify_pre_info: JSON.stringify({ name: name, id_card_number: idCardNumber }),
        check_alive_type: '2',
      }, done); // send res.verify_result to your server: only getinfo tells the truth
    });
  });
}

// The rest is this page.
faceproof.install(window);
(function () {
  var at = function (id) { return document.querySelector('[data-testid="' + id + '"]'); };
  var post = function (path, body) {
    return fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }).then(function (r) { return r.json(); });
  };
  try { // the person of the first page
    var person = JSON.parse(sessionStorage.getItem('faceproof-demo-person') || 'null');
    if (person) { at('h5-name').value = person.name; at('h5-id').value = person.idCardNumber; }
  } catch (e) { /* storage may be switched off */ }
  var show = function (what) { at('h5-answer').textContent = JSON.stringify(what, null, 2); };
  at('h5-verify').addEventListener('click', function () {
    show({});
    post('api/config', { url: location.href.split('#')[0] }).then(function (config) {
      verify(config, at('h5-name').value.trim(), at('h5-id').value.trim(), function (res) {
        if (!res.verify_result) return show({ res: res });
        post('api/redeem', { verifyResult: res.verify_result }).then(function (getinfo) { show({ res: res, getinfo: getinfo }); });
      });
    }).catch(function (e) { show({ error: String(e) }); });
  });
  fetch('h5.js').then(function (r) { return r.text(); }).then(function (code) { at('h5-code').textContent = code.split('// The rest')[0].trim(); });
})();
