package faces

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"faceproof"
)

// Limits of lists.
const (
	maxList     = 16 << 20 // bytes of a list of pairs or groups
	maxPairs    = 200_000
	maxPictures = 200_000
	maxPersons  = 50_000
)

// pair is one comparison of a list.
type pair struct {
	a, b             string // pictures, below Set.Pictures
	personA, personB string // empty: not said
	same             bool
	fold             int // from 0
}

func badList(line int, format string, args ...any) error {
	return faceproof.Errorf(faceproof.CodeInvalid, "list", "line %d: %s", line, fmt.Sprintf(format, args...))
}

// parsePairs reads LFW's format: "folds pairs" and then, for each fold, so many
// genuine pairs "name i j" and as many impostor pairs "name i name j"; a header
// of one number means one fold. Pictures are name/name_0001.jpg.
func parsePairs(text []byte) ([]pair, error) {
	lines := strings.Split(strings.TrimRight(string(text), "\r\n"), "\n")
	head := strings.Fields(lines[0])
	folds, per := 1, 0
	var err error
	switch len(head) {
	case 1:
		per, err = strconv.Atoi(head[0])
	case 2:
		if folds, err = strconv.Atoi(head[0]); err == nil {
			per, err = strconv.Atoi(head[1])
		}
	default:
		err = strconv.ErrSyntax
	}
	if err != nil || folds < 1 || per < 1 || folds > 1000 || per > maxPairs || 2*folds*per > maxPairs {
		return nil, badList(1, "want the number of folds and of pairs in each")
	}
	if len(lines)-1 != 2*folds*per {
		return nil, badList(1, "announces %d pairs, the file holds %d", 2*folds*per, len(lines)-1)
	}
	out := make([]pair, 0, len(lines)-1)
	for i, line := range lines[1:] {
		f := strings.Fields(line)
		p := pair{fold: i / (2 * per), same: len(f) == 3}
		if len(f) != 3 && len(f) != 4 {
			return nil, badList(i+2, "want name and two numbers, or two names with a number each")
		}
		if want := i%(2*per) < per; want != p.same {
			return nil, badList(i+2, "the fold has another number of genuine pairs")
		}
		b := f[len(f)-1]
		p.personA, p.personB = f[0], f[0]
		if !p.same {
			p.personB = f[2]
		}
		var okA, okB bool
		p.a, okA = lfwName(f[0], f[1])
		p.b, okB = lfwName(p.personB, b)
		if !okA || !okB || (!p.same && p.personA == p.personB) {
			return nil, badList(i+2, "a name or a number is malformed")
		}
		out = append(out, p)
	}
	return out, nil
}

func lfwName(name, number string) (string, bool) {
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n > 9999 || name == "" || strings.ContainsAny(name, `/\`) || name[0] == '.' || len(name) > 200 {
		return "", false
	}
	return fmt.Sprintf("%s/%s_%04d.jpg", name, name, n), true
}

// table reads a file with a header, at commas or tabs.
func table(text []byte, tabs bool) (head []string, rows [][]string, err error) {
	r := csv.NewReader(bytes.NewReader(text))
	if tabs {
		r.Comma, r.LazyQuotes = '\t', true
	}
	r.FieldsPerRecord = -1
	all, err := r.ReadAll()
	if err != nil || len(all) == 0 {
		return nil, nil, badList(1, "no table with a header")
	}
	if len(all) > maxPairs {
		return nil, nil, badList(maxPairs, "more rows than %d", maxPairs)
	}
	return all[0], all[1:], nil
}

// parseCSV reads rows of two files and an answer. Persons are not named there:
// whoever is linked by "same" is one.
func parseCSV(text []byte, columns []string) ([]pair, error) {
	head, rows, err := table(text, false)
	if err != nil {
		return nil, err
	}
	var at [3]int
	for i, c := range columns {
		if at[i] = slices.Index(head, c); at[i] < 0 {
			return nil, badList(1, "there is no column %.64q", c)
		}
	}
	var out []pair
	for i, row := range rows {
		if len(row) <= max(at[0], at[1], at[2]) {
			return nil, badList(i+2, "has too few columns")
		}
		p := pair{a: row[at[0]], b: row[at[1]]}
		switch strings.ToLower(strings.TrimSpace(row[at[2]])) {
		case "yes", "true", "1", "same":
			p.same = true
		case "no", "false", "0", "different":
		default:
			return nil, badList(i+2, "the answer is neither yes nor no")
		}
		if p.a == "" || p.b == "" || !below(p.a) || !below(p.b) {
			return nil, badList(i+2, "a file must be named, below the folder of the pictures")
		}
		out = append(out, p)
	}
	link(out)
	return out, nil
}

// link names persons by the first picture that "same" leads to.
func link(pairs []pair) {
	root := map[string]string{}
	var find func(string) string
	find = func(p string) string {
		up, ok := root[p]
		if !ok || up == p {
			return p
		}
		top := find(up)
		root[p] = top
		return top
	}
	for _, p := range pairs {
		if a, b := find(p.a), find(p.b); p.same && a != b {
			root[max(a, b)] = min(a, b)
		}
	}
	for i := range pairs {
		pairs[i].personA, pairs[i].personB = find(pairs[i].a), find(pairs[i].b)
	}
}

// parseGroups reads who belongs to which group.
func parseGroups(text []byte, g Groups) (map[string]string, error) {
	head, rows, err := table(text, path.Ext(g.File) == ".tsv")
	if err != nil {
		return nil, err
	}
	person, group := slices.Index(head, g.Person), slices.Index(head, g.Group)
	if person < 0 || (g.Group != "" && group < 0) {
		return nil, badList(1, "the columns of persons and groups are not there")
	}
	out := map[string]string{}
	kinds := map[string]bool{}
	for i, row := range rows {
		if len(row) <= max(person, group) || row[person] == "" {
			return nil, badList(i+2, "has too few columns or no person")
		}
		to := g.Listed
		if group >= 0 {
			to = row[group]
		}
		if to == "" || len(to) > 64 || strings.ContainsAny(to, "|,\n\r") {
			return nil, badList(i+2, "the group is missing or malformed")
		}
		out[row[person]], kinds[to] = to, true
	}
	if len(kinds) > maxGroups {
		return nil, badList(1, "more than %d groups", maxGroups)
	}
	return out, nil
}

// readList reads a bounded file below the root.
func readList(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, &faceproof.Error{Code: faceproof.CodeInvalid, Field: "root", Message: "a list of the protocol is not there", Err: err}
	}
	if info.Size() > maxList {
		return nil, faceproof.Errorf(faceproof.CodeInvalid, "list", "is over %d bytes", maxList)
	}
	return os.ReadFile(name)
}

// listPictures gives the pictures below a folder, sorted, with slashes.
func listPictures(root string) ([]string, error) {
	var out []string
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		switch strings.ToLower(filepath.Ext(p)) {
		case ".jpg", ".jpeg", ".png":
			rel, err := filepath.Rel(root, p)
			if err != nil {
				return err
			}
			if out = append(out, filepath.ToSlash(rel)); len(out) > maxPictures {
				return faceproof.Errorf(faceproof.CodeInvalid, "root", "more than %d pictures", maxPictures)
			}
		}
		return nil
	})
	if err != nil {
		return nil, &faceproof.Error{Code: faceproof.CodeInvalid, Field: "root", Message: "the folder of the pictures cannot be read", Err: err}
	}
	slices.Sort(out)
	return out, nil
}
