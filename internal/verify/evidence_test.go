package verify

import "faceproof"

// goodEvidence passes the default policy.
func goodEvidence() faceproof.Evidence {
	return faceproof.Evidence{
		PackID: "test", Method: "flash", Assurance: faceproof.AssuranceWebUnattested,
		Capture: faceproof.CaptureEvidence{Captured: 80, Received: 80, FPS: 15, JPEGQ: 88, DurationMS: 5300},
		Face:    faceproof.FaceEvidence{Analysed: 80, WithFace: 80, Continuity: .9},
		Flash: &faceproof.FlashEvidence{P: 1e-4, Z: 6, R2: .95, Amplitude: .1, LatencyMS: 90, BackgroundRatio: .05,
			BackgroundCells: 100, SkinCells: 200, Measurable: true,
			L: 8, Cut: 1, Shape: faceproof.ShapeEvidence{Cells: 80, HeadCells: 200, B: .6, BSE: .1, D: .8, DSE: .6, Spread: .3, Kappa: .05, KappaSE: .05}},
		Match: &faceproof.MatchEvidence{ModelID: "m", Similarity: .8, Threshold: .5, FMR: 1e-4, ProbeFrames: 5, ReferenceFrames: 5},
	}
}

// weakEvidence is inconclusive.
func weakEvidence() faceproof.Evidence {
	e := goodEvidence()
	e.Flash.Amplitude = .001
	return e
}
