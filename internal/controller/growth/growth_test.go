package growth

import (
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestExponentIsThatOfTheCost(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cost func(n float64) float64
		want float64
	}{
		"constant":  {func(float64) float64 { return 7 }, 0},
		"nothing":   {func(float64) float64 { return 0 }, 0},
		"linear":    {func(n float64) float64 { return 3 * n }, 1},
		"quadratic": {func(n float64) float64 { return n * n }, 2},
	} {
		var points []Point
		for _, n := range Sizes {
			points = append(points, Point{n, tc.cost(float64(n))})
		}
		if e := Exponent(points); math.Abs(e-tc.want) > 1e-9 {
			t.Errorf("%s: %f, want %f", name, e, tc.want)
		}
	}
}

// quiet records whether a test would fail.
type quiet struct {
	testing.TB
	failed bool
}

func (q *quiet) Helper()               {}
func (q *quiet) Name() string          { return "" }
func (q *quiet) Logf(string, ...any)   {}
func (q *quiet) Errorf(string, ...any) { q.failed = true }

func TestAtMostFailsForACostThatGrows(t *testing.T) { // not parallel: it counts bytes
	var sink []byte
	for want, size := range map[bool]func(n int) int{false: func(int) int { return 1 << 16 },
		true: func(n int) int { return n << 12 }} {
		q := &quiet{}
		AtMost(q, Constant, "bytes", func(n int) float64 { return Bytes(func() { sink = make([]byte, size(n)) }) })
		if q.failed != want {
			t.Errorf("failed %t, want %t", q.failed, want)
		}
	}
	_ = sink
}

// TestMakeGrowthRunsEachTestOfGrowth compares the target of the Makefile, by packages and names, with the tests that
// use this package.
func TestMakeGrowthRunsEachTestOfGrowth(t *testing.T) {
	t.Parallel()
	const root = "../../../"
	makefile, err := os.ReadFile(root + "Makefile")
	if err != nil {
		t.Fatal(err)
	}
	listed := regexp.MustCompile(`(?m)^GROWTH_PACKAGES = (.*)$`).FindStringSubmatch(string(makefile))
	runs := regexp.MustCompile(`LBC_GROWTH=long .* -run '([^']+)' (.*?) >`).FindAllStringSubmatch(string(makefile), -1)
	if listed == nil || len(runs) == 0 {
		t.Fatal("the Makefile has no GROWTH_PACKAGES, or runs no tests with LBC_GROWTH=long")
	}
	uses := regexp.MustCompile(`\bgrowth\.(AtMost|Log)\(`)
	test := regexp.MustCompile(`(?ms)^func (Test\w+)\(.*?^}`)
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		pkg := "./" + strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), root)
		for _, f := range test.FindAllStringSubmatch(string(text), -1) {
			if !uses.MatchString(f[0]) {
				continue
			}
			if !slices.ContainsFunc(runs, func(r []string) bool {
				packages := strings.Fields(strings.ReplaceAll(r[2], "$(GROWTH_PACKAGES)", listed[1]))
				return slices.Contains(packages, pkg) && regexp.MustCompile(r[1]).MatchString(f[1])
			}) {
				t.Errorf("make growth does not run %s of %s", f[1], pkg)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
