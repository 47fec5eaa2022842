package registry

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"faceproof"
)

// folder writes files and gives the path of people.csv.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "people")
	for name, content := range files {
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, []byte(content), 0o600))
	}
	return filepath.Join(dir, "people.csv")
}

func TestImport(t *testing.T) {
	f := fresh(t)
	path := folder(t, map[string]string{"1.jpg": "one", "sub/2.jpg": "two", "bad.jpg": "bad", "../outside.jpg": "secret", "people.csv": "\ufeffname,id_number,photo,photo\r\n" + // 1
		"张三," + number(1) + ",1.jpg,sub\\2.jpg\r\n" + // 2: good, with Windows' separator
		"李四," + number(2)[:17] + ",1.jpg,\r\n" + // 3: number
		" ," + number(3) + ",1.jpg,\r\n" + // 4: name
		"王五," + number(4) + ",王五.jpg,\r\n" + // 5: no file
		"赵六," + number(5) + ",../outside.jpg,\r\n" + // 6: outside
		"孙七," + number(6) + ",/etc/passwd,\r\n" + // 7: outside
		"周八," + number(7) + ",1.jpg,bad.jpg\r\n" + // 8: quality
		"吴九," + number(8) + ",,\r\n" + // 9: no photo
		"张三," + number(1) + ",1.jpg,\r\n" + // 10: same as line 2
		"\"郑十\r\n\"," + number(9) + ",1.jpg\r\n" + // 11–12: good, over two lines; one column less
		"\xd5\xc5\xc8\xfd," + number(10) + ",1.jpg,\r\n" + // 13: GBK
		"钱\"二," + number(11) + ",1.jpg,\r\n" + // 14: stray quote
		"冯一," + number(12) + ",1.jpg,,,,\r\n" + // 15: columns
		"陈二," + number(13) + ",sub,\r\n" + // 16: a folder
		"褚三," + number(14) + ",1.jpg,\r\n", // 17: good
	})
	must(t, os.Symlink("../outside.jpg", filepath.Join(filepath.Dir(path), "link.jpg")))
	var seen []int
	sum, err := f.Import(ctx, ImportConfig{Path: path, Actor: "cli", Progress: func(l Line) { seen = append(seen, l.Line) }})
	must(t, err)
	wantErrors := map[int]string{3: "id_number", 4: "name", 5: "photo", 6: "photo", 7: "photo", 8: "photo", 9: "photo", 10: "id_number", 13: "name", 14: "csv", 15: "csv", 16: "photo"}
	if sum.Lines != 15 || sum.Added != 3 || sum.Failed != len(wantErrors) || len(seen) != 15 || seen[9] != 11 {
		t.Errorf("%+v %v", sum, seen)
	}
	for _, e := range sum.Errors {
		if wantErrors[e.Line] != e.Field {
			t.Errorf("line %d: %s: %s, want field %s", e.Line, e.Field, e.Message, wantErrors[e.Line])
		}
		for _, leak := range []string{"李", "王", "张", "passwd", "outside", number(2)[:17]} {
			if strings.Contains(e.Message, leak) {
				t.Errorf("line %d tells %q: %s", e.Line, leak, e.Message)
			}
		}
	}
	if r := f.state(t, subject(t, "张三", 1)); r.State != faceproof.ReferenceFound || r.Template.Frames != 2 || r.Template.Vector[0] != 'o' {
		t.Errorf("%s", r.State)
	}
	if r := f.state(t, subject(t, "郑十", 9)); r.State != faceproof.ReferenceFound {
		t.Errorf("%s", r.State)
	}
	// A second time nobody is replaced, then everybody.
	sum, err = f.Import(ctx, ImportConfig{Path: path, Actor: "cli"})
	must(t, err)
	if sum.Added != 0 || sum.Replaced != 0 || sum.Failed != 15 {
		t.Errorf("again: %+v", sum)
	}
	sum, err = f.Import(ctx, ImportConfig{Path: path, Actor: "cli", Replace: true})
	must(t, err)
	if sum.Added != 0 || sum.Replaced != 3 {
		t.Errorf("replace: %+v", sum)
	}
}

func TestImportRefusesTheFile(t *testing.T) {
	f := fresh(t)
	for name, content := range map[string]string{"empty": "", "no header": "张三," + number(1) + ",1.jpg\n", "order": "id_number,name,photo\n", "no photo": "name,id_number\n",
		"twenty-one photos": "name,id_number" + strings.Repeat(",photo", 21) + "\n", "quote": "name,\"id\n"} {
		_, err := f.Import(ctx, ImportConfig{Path: folder(t, map[string]string{"people.csv": content})})
		if faceproof.ErrorCode(err) != faceproof.CodeInvalid || strings.Contains(err.Error(), "张三") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := f.Import(ctx, ImportConfig{Path: "no/such.csv"})
	want(t, err, faceproof.CodeInvalid, "csv")
}

// A pipe among the photos does not hang, a link does not lead out, and an
// unclosed quote does not stop what came before.
func TestImportTraps(t *testing.T) {
	f := fresh(t)
	path := folder(t, map[string]string{"1.jpg": "one", "../secret.jpg": "s", "people.csv": "name,id_number,photo\n" +
		"一," + number(1) + ",pipe\n二," + number(2) + ",link.jpg\n三," + number(3) + ",1.jpg\n四,\"" + number(4) + ",1.jpg\n五," + number(5) + ",1.jpg\n"})
	dir := filepath.Dir(path)
	must(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	must(t, os.Symlink("../secret.jpg", filepath.Join(dir, "link.jpg")))
	sum, err := f.Import(ctx, ImportConfig{Path: path})
	must(t, err)
	if sum.Added != 1 || sum.Failed != 3 || sum.Errors[2].Line != 5 {
		t.Errorf("%+v", sum)
	}
}

func TestImportLimits(t *testing.T) {
	r := &limitReader{r: strings.NewReader("name,id_number,photo\n" + strings.Repeat("x,", 100)), left: 30}
	records, err := readCSV(r)
	must(t, err)
	last := record{}
	for rec := range records {
		last = rec
	}
	want(t, last.err, faceproof.CodeInvalid, "csv")
	records, err = readCSV(strings.NewReader("name,id_number,photo\n" + strings.Repeat("x", maxCSVField+1) + ",1,2\n"))
	must(t, err)
	for rec := range records {
		want(t, rec.err, faceproof.CodeInvalid, "name")
	}
}

func TestImportIsInterrupted(t *testing.T) {
	f := fresh(t)
	var b strings.Builder
	for i := range 10 {
		fmt.Fprintf(&b, "某,%s,1.jpg\n", number(i))
	}
	path := folder(t, map[string]string{"1.jpg": "one", "people.csv": "name,id_number,photo\n" + b.String()})
	stopped, cancel := context.WithCancel(ctx)
	sum, err := f.Import(stopped, ImportConfig{Path: path, Progress: func(l Line) {
		if l.Line == 4 {
			cancel()
		}
	}})
	want(t, err, faceproof.CodeUnavailable, "")
	if sum.Added != 3 || len(f.list(t)) != 3 {
		t.Errorf("%+v", sum)
	}
	// What is left is enrolled by the same command again.
	sum, err = f.Import(ctx, ImportConfig{Path: path})
	must(t, err)
	if sum.Added != 7 || sum.Failed != 3 {
		t.Errorf("%+v", sum)
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add("name,id_number,photo\n张三,1,a.jpg\n")
	f.Add("\ufeffname,id_number,photo,photo\r\n\"a\nb\",2,c,d\r\n\"")
	f.Add("name,id_number,photo\n\xff,\",,,\n\n\n a , b , c ")
	f.Fuzz(func(t *testing.T, in string) {
		records, err := readCSV(strings.NewReader(in))
		if err != nil {
			if faceproof.ErrorCode(err) != faceproof.CodeInvalid {
				t.Fatal(err)
			}
			return
		}
		last := 1
		for r := range records {
			if r.err == nil && (len(r.photos) == 0 || len(r.photos) > MaxPhotos) {
				t.Fatalf("line %d has %d photos", r.line, len(r.photos))
			}
			if r.err != nil && (r.name != "" || r.number != "" || r.photos != nil) {
				t.Fatal("a refused line still holds its data")
			}
			if r.line < last {
				t.Fatalf("line %d after %d", r.line, last)
			}
			last = r.line
		}
	})
}
