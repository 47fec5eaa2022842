// Package convert turns published networks into ONNX files. Of two npm packages:
// TensorFlow.js graph models (BlazeFace and FaceMesh of @vladmandic/human) and
// the weights of face-api's dlib ResNet (@vladmandic/face-api), whose graph is
// code there. The files that it writes depend on nothing but its input, so that
// their digests can be pinned in models/packs/*.toml; weights that are stored in
// 8 or 16 bits are written as float32. And of PyTorch state dicts: the two networks
// of MiniFASNet.
//
// Everything is converted to channel-first order (NCHW), which ONNX asks for.
package convert

// Files are the two files of a network: its description and its weights.
type Files struct {
	JSON, Weights []byte
}

// BlazeFace converts @vladmandic/human's blazeface (MediaPipe face detection,
// back camera). Input "image" 1×3×256×256, RGB, x/127.5 − 1. Outputs, for 512
// anchors (16×16 cells, 2 each) and 384 (8×8, 6 each): "scores512" 1×512×1
// (before the sigmoid), "boxes512" 1×512×16 (box and six key points, in pixels
// relative to the anchor), "scores384", "boxes384".
// Errors: CodeInvalid, field "json" or "weights".
func BlazeFace(f Files) ([]byte, error) {
	return graphModel(f, "blazeface", []output{
		{"Identity", "scores512"}, {"Identity_2", "boxes512"}, {"Identity_1", "scores384"}, {"Identity_3", "boxes384"},
	})
}

// FaceMesh converts @vladmandic/human's facemesh (MediaPipe face landmarks).
// Input "image" n×3×192×192, RGB, x/255. Outputs: "mesh" n×1404 (468 points x,
// y, z in pixels of the input, smaller z nearer), "flag" n×1 (probability of a
// face). The contours output is left out: the mesh holds the same points.
// Errors: CodeInvalid, field "json" or "weights".
func FaceMesh(f Files) ([]byte, error) {
	return graphModel(f, "facemesh", []output{{"Identity_2", "mesh"}, {"Identity_1", "flag"}})
}

// DlibResNet converts @vladmandic/face-api's face_recognition_model (dlib's
// face recognition ResNet). Input "image" n×3×150×150, RGB, 0 to 255: the mean
// and scale are folded into the first convolution, which pads nothing. Output
// "descriptor" n×128, not of unit length.
// Errors: CodeInvalid, field "json" or "weights".
func DlibResNet(f Files) ([]byte, error) { return dlibResNet(f) }
