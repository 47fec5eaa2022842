package face_test

import (
	"context"
	"testing"

	"faceproof/internal/face"
	"faceproof/internal/face/facetest"
	"faceproof/internal/imaging"
)

// bench runs f on a portrait of 480 × 640 pixels, with either pack.
func bench(b *testing.B, f func(e *face.Engine, m *imaging.Image, x face.Face, l face.Landmarks) error) {
	for _, pack := range facetest.Packs {
		b.Run(pack, func(b *testing.B) {
			e := facetest.Open(b, pack)
			m := portrait(b, e, "sample6.jpg", 1, 480, 640, 0.4)
			faces, err := e.Detect(context.Background(), m)
			if err != nil || len(faces) != 1 {
				b.Fatal(len(faces), err)
			}
			l, err := e.Landmarks(context.Background(), m, faces[0])
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := f(e, m, faces[0], l); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDetect(b *testing.B) {
	bench(b, func(e *face.Engine, m *imaging.Image, _ face.Face, _ face.Landmarks) error {
		_, err := e.Detect(context.Background(), m)
		return err
	})
}

func BenchmarkLandmarks(b *testing.B) {
	bench(b, func(e *face.Engine, m *imaging.Image, f face.Face, _ face.Landmarks) error {
		_, err := e.Landmarks(context.Background(), m, f)
		return err
	})
}

func BenchmarkTrack(b *testing.B) {
	bench(b, func(e *face.Engine, m *imaging.Image, _ face.Face, l face.Landmarks) error {
		_, err := e.Track(context.Background(), m, &l)
		return err
	})
}

func BenchmarkEmbed(b *testing.B) {
	bench(b, func(e *face.Engine, m *imaging.Image, f face.Face, l face.Landmarks) error {
		_, err := e.Embed(context.Background(), m, f, l)
		return err
	})
}

func BenchmarkQuality(b *testing.B) {
	bench(b, func(e *face.Engine, m *imaging.Image, f face.Face, l face.Landmarks) error {
		e.Quality(m, []face.Face{f}, l)
		return nil
	})
}

func BenchmarkEnrol(b *testing.B) {
	var data []byte
	bench(b, func(e *face.Engine, m *imaging.Image, _ face.Face, _ face.Landmarks) error {
		if data == nil {
			data = encode(b, m)
		}
		_, err := e.Enrol(context.Background(), [][]byte{data})
		return err
	})
}
