import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeTrack, type TrackFacts } from '../core/track';

const plain: TrackFacts = { label: 'Integrated Camera (5986:2113)', facing: 'user', capabilities: ['width', 'exposureMode', 'zoom'], captureTime: true, webdriver: false };

test('a camera is described by classes, never by its name', () => {
  assert.deepEqual(describeTrack(plain), { label: 'plain', facing: 'user', controls: 2, clock: 'camera', webdriver: false });
  assert.deepEqual(describeTrack({ label: '', facing: 'up', capabilities: null, captureTime: null, webdriver: true }),
    { label: 'none', facing: '', controls: -1, clock: '', webdriver: true });
});

test('names of programs that act as a camera', () => {
  for (const label of ['OBS Virtual Camera', 'OBS-Camera', 'ManyCam Video Source', 'Snap Camera', 'XSplit VCam', 'e2eSoft VCam', 'Dummy video device (0x0000)',
    'fake_device_0', 'fake device', 'NDI Video 1', 'mmhmm Camera', 'v4l2loopback', '虚拟摄像头', 'Unity Video Capture', 'Deep-Live-Cam']) {
    assert.equal(describeTrack({ ...plain, label }).label, 'virtual', label);
  }
});

test('names of cameras', () => {
  for (const label of ['FaceTime HD Camera', 'HD Pro Webcam C920 (046d:08e5)', 'camera2 1, facing front', 'Front Camera', '前置相机', 'USB2.0 HD UVC WebCam',
    'Logitech BRIO', 'Surface Camera Front', 'iPhone Camera', 'Jobs Camera', 'Microsoft LifeCam HD-3000', 'HUAWEI Camera', 'Candide webcam', 'EpocCam']) {
    assert.equal(describeTrack({ ...plain, label }).label, 'plain', label);
  }
});
