package score

import (
	"fmt"
	"testing"
)

func TestPersonOf(t *testing.T) {
	for photo, want := range map[string]string{
		"neutral/001_03.jpg": "001", "smiling/001_08.jpg": "001", // one person in two folders
		"anna/1.jpg": "anna", "anna/deep/2.JPG": "deep", "sample1.jpg": "sample1", "_x/y.png": "_x", "a/_b.jpg": "a",
	} {
		if got := PersonOf(photo); got != want {
			t.Errorf("%s is of person %q, want %q", photo, got, want)
		}
	}
}

// The division is part of every published number: it may never move.
func TestHalfOfIsFixed(t *testing.T) {
	tune := map[string]bool{"003": true, "004": true, "005": true, "007": true, "012": true, "044": true, "sample1": true, "sample3": true}
	for i := 1; i <= 44; i++ {
		key := fmt.Sprintf("%03d", i)
		if i > 13 && i != 24 && i != 25 && i != 30 && i != 37 && i < 42 {
			continue
		}
		if got := HalfOf(key) == Tune; got != tune[key] {
			t.Errorf("person %s is in %s", key, HalfOf(key))
		}
	}
	n := 0
	for i := range 10000 {
		if HalfOf(fmt.Sprint(i)) == Tune {
			n++
		}
	}
	if n < 4800 || n > 5200 { // 4 standard deviations
		t.Errorf("%d of 10000 persons tune", n)
	}
}
