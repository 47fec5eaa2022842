// Package simcam is a camera that does not exist: it films a portrait under the
// light of a room and of a screen that shows a challenge, as a recording that
// internal/analysis judges like any other. It also films the attacks: paper,
// other screens, tints, replays, splices. Whatever is measured with it is
// simulated, and says so.
//
// A portrait becomes a shape (depth from its mesh), a reflectance (the photo
// without its own first-order shading) and a matte; each pixel then sends
//
//	I = ρ·(room·(1 + .35 n·turn) + Σ T_b·L_b(t)) + Σ S_b·L_b(t)
//
// with the screen's bands b as internal/radiance has them. The camera adds
// exposure time, rolling shutter, exposure and white balance that follow the
// picture, colour cross-talk, noise, temporal denoising, an unknown tone curve,
// JPEG, and times that are late and jitter.
//
// Everything is a pure function of portrait, Params and seed: equal ones give
// equal bytes.
//
// # What is not modelled
//
// Light: scattering under the skin, shadows that the face throws on itself,
// light from face to face, highlights of the room's light, a screen that is
// dimmer from the side, the response time of a liquid crystal, the scan of a
// display, its night mode, its brightness limit, pulse-width dimming. Camera:
// local tone mapping, HDR, beauty filters, sharpening, motion blur, lens
// distortion, demosaicing, video codecs. People: expressions, blinks, speech,
// hair that moves, make-up, masks; the head turns only in its shading. The
// shape comes from the same mesh net as the detector's template, with another
// interpolation and a depth that is off by −15 to +20 %; a real face differs
// more. Attacks: masks with relief, splices with stabilisation, generators
// that know the challenge (relit3d is the nearest).
//
// Rates of false rejection will therefore be worse on real people; those of
// flat things are likely to be alike. docs/evaluation.md.
package simcam
