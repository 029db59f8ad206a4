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
		"front/testdata/group.in.yaml": "", "front/testdata/group.out.yaml": "Held:\n- a line that\n  is: broken\n", "front/testdata/new.in.yaml": "",
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

// TestEveryFactOfTheSimulatorLeadsToATest reads awssim/testdata/facts: what AWS does, row by row, and the test that shows that
// the simulator does it.
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
