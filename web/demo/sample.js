// What an app writes. `wx` is window.wx, put there by faceproof.install(window),
// and wx.config(...) has been called with what the app's own server has signed.
function verify(name, idCardNumber, done) {
  wx.checkIsSupportFacialRecognition({
    checkAliveType: 2,
    success(res) {
      if (res.errCode === 0 || res.errMsg === 'checkIsSupportFacialRecognition:ok') {
        wx.startFacialRecognitionVerify({
          name,
          idCardNumber,
          checkAliveType: 2,
          success(res) {
            // Send res.verifyResult to your server: only it can ask getinfo what
            // the truth is. Never trust this callback alone.
            done('success', res);
          },
          fail(res) {
            done('fail', res);
          },
        });
      }
    },
    fail(res) {
      done('fail', res);
    },
  });
}
