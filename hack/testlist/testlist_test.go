package testlist

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rows is a table for the test of tables below.
var rows = []string{"a row, with comma", prefix + "key"}

const prefix = "some."

func TestTestsAndTheirRowsAreFound(t *testing.T) {
	t.Parallel()
	if len(rows) != 2 {
		t.Error("rows are two")
	}
	tests := Under("../..")
	for name, want := range map[string]string{
		"hack/testlist.TestTestsAndTheirRowsAreFound":                   "",
		"hack/testlist.TestTestsAndTheirRowsAreFound/a row, with comma": "",
		"hack/testlist.TestTestsAndTheirRowsAreFound/some.key":          "",
		"hack/testlist.TestAListIsHeldToItsForm/a row, with comma":      "has no row",
		"hack/testlist.TestNothing":                                     "has no TestNothing",
		"hack/testlist.Under":                                           "has no Under",
		"hack/nothing.TestNothing":                                      "no package hack/nothing",
		"TestNothing":                                                   "is no test",
	} {
		if got := text(tests.Find(name)); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestGoldenCasesAndWhatTheyExpectAreFound: the first test of its package reads testdata, the second does not.
func TestGoldenCasesAndWhatTheyExpectAreFound(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for name, content := range map[string]string{
		"front/front_test.go": `package front
func TestGoldenCases() { cases("testdata") }
func TestOther() { cases("elsewhere", "group: b") }`,
		"front/testdata/group.in.yaml": "", "front/testdata/group.out.yaml": "Held:\n- a line that\n  is: broken\n",
		"front/testdata/new.in.yaml": "",
	} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests := Under(root)
	for name, want := range map[string]string{
		"front.TestGoldenCases/group":                              "",
		"front.TestGoldenCases/group: Held: - a line that is: bro": "",
		"front.TestGoldenCases/group: Gone":                        `case "group" of front does not expect "Gone"`,
		"front.TestGoldenCases/gone":                               `no row and no case "gone"`,
		"front.TestGoldenCases/new":                                `read what case "new" of front expects`,
		"front.TestOther/group":                                    `TestOther of front has no row "group"`,
		"front.TestOther/group: b":                                 "", // a row, though it looks like a case
	} {
		if got := text(tests.Find(name)); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestAListIsHeldToItsForm(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "list.txt")
	list := `# a list
good | hack/testlist.TestAListIsHeldToItsForm | table hack/testlist/testlist_test.go the text of a table

away | absent nobody needs it
good | hack/testlist.TestAListIsHeldToItsForm
none
idle | absent
both | absent why | hack/testlist.TestAListIsHeldToItsForm
lost | hack/testlist.TestLost
gone | table hack/testlist/gone.txt text
`
	if err := os.WriteFile(file, []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	lines, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	got := text(Under("../..").Check(lines))
	for _, want := range []string{
		`line 5: "good" is on line 2 already`, "line 6: write FACT | PROOF", `line 7: "idle": what is absent has a reason`,
		`line 8: "both"`, `line 9: "lost": hack/testlist has no TestLost`, `line 10: "gone": read the table`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not told", want)
		}
	}
	if n := strings.Count(got, "\n") + 1; n != 6 {
		t.Errorf("%d faults, want 6:\n%s", n, got)
	}
}

func TestSourcesAreThoseOfTheLineOrOfThoseAboveIt(t *testing.T) {
	t.Parallel()
	read := func(list string) ([]Line, error) {
		file := filepath.Join(t.TempDir(), "list.txt")
		if err := os.WriteFile(file, []byte(list), 0o600); err != nil {
			t.Fatal(err)
		}
		return Read(file)
	}
	lines, err := read("@define a https://a\n@define b some words\nnone | absent x\n@from a\ntwo | absent x\nthree | " +
		"absent x | @b @a\nfour | absent x\n")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range lines {
		got = append(got, l.Fact+": "+strings.Join(l.Sources, ", ")+" "+strings.Join(l.Proofs, ", "))
	}
	if text := strings.Join(got, "\n"); text != "none:  absent x\ntwo: https://a absent x\nthree: some words, https://a "+
		"absent x\nfour: https://a absent x" {
		t.Errorf("got\n%s", text)
	}
	for list, want := range map[string]string{
		"one | absent x | @a":                    ":1: no source a is defined",
		"@from a\none | absent x":                ":2: no source a is defined",
		"@define a":                              ":1: write @define KEY SOURCE or @from KEY",
		"@form a":                                ":1: write @define KEY SOURCE or @from KEY",
		"@define a x\n@define a y":               ":2: source a is defined already",
		"@define a x\n@define b y\n":             "no line is from a, b",
		"@define a x\n@from a\n@from\none | two": ":3: write @define KEY SOURCE or @from KEY",
	} {
		if _, err := read(list); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", list, err, want)
		}
	}
}

// TestEveryFactOfTheDataPlaneNamesItsSource: what AWS documents is told with its page, what it does not is told to be
// seen or guessed.
func TestEveryFactOfTheDataPlaneNamesItsSource(t *testing.T) {
	t.Parallel()
	lines, err := Read("../../awssim/testdata/facts/traffic.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		if len(l.Sources) == 0 {
			t.Errorf("line %d: %q tells no source", l.Number, l.Fact)
		}
	}
}

// TestEveryFactOfTheSimulatorLeadsToATest reads awssim/testdata/facts: what AWS does, row by row, and the test that
// shows that the simulator does it.
func TestEveryFactOfTheSimulatorLeadsToATest(t *testing.T) {
	t.Parallel()
	lists, err := filepath.Glob("../../awssim/testdata/facts/*.txt")
	if err != nil || len(lists) == 0 {
		t.Fatalf("lists: %v, %v", lists, err)
	}
	for _, list := range lists {
		t.Run(strings.TrimSuffix(filepath.Base(list), ".txt"), func(t *testing.T) {
			t.Parallel()
			lines, err := Read(list)
			if err != nil {
				t.Fatal(err)
			}
			if err := Under("../..").Check(lines); err != nil {
				t.Error(err)
			}
		})
	}
}
