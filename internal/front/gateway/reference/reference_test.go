package reference

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the repository.
const root = "../../../.."

func definitions(t *testing.T) (out [][]byte) {
	t.Helper()
	for _, name := range Kinds {
		b, err := os.ReadFile(filepath.Join(root, "config/crd", name))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

func TestEveryFieldOfTheSchemasIsExplainedAndNoOther(t *testing.T) {
	t.Parallel()
	for i, crd := range definitions(t) {
		all, err := fields(crd)
		if err != nil || len(all) == 0 {
			t.Fatal(err)
		}
		var want, got []string
		for _, f := range all {
			if !strings.HasPrefix(f.path, ofRoutes) { // they are the fields of defaultConfiguration
				want = append(want, f.path)
			} else if same := ofAll + strings.TrimPrefix(f.path, ofRoutes); !slices.ContainsFunc(all,
				func(o field) bool { return o.path == same }) {
				t.Errorf("%s: %s is not a field of defaultConfiguration", Kinds[i], f.path)
			}
		}
		for _, e := range tables()[i] {
			got = append(got, e.path)
		}
		for _, p := range want {
			if n := len(slices.DeleteFunc(slices.Clone(got), func(o string) bool { return o != p })); n != 1 {
				t.Errorf("%s: %s has %d rows, want one", Kinds[i], p, n)
			}
		}
		for _, p := range got {
			if !slices.Contains(want, p) {
				t.Errorf("%s: there is no field %s", Kinds[i], p)
			}
		}
	}
}

func TestEachRowHasAFamilyAnEffectAndTheDefaultOfAnOptionalField(t *testing.T) {
	t.Parallel()
	for i, crd := range definitions(t) {
		all, err := fields(crd)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range tables()[i] {
			at := slices.IndexFunc(all, func(f field) bool { return f.path == e.path })
			if at < 0 || e.of == "" || !strings.HasSuffix(e.effect, ".") {
				t.Errorf("%s is incomplete", e.path)
				continue
			}
			f := all[at]
			hasDefault := f.schema.Default != nil
			if hasDefault && e.absent != "" || f.required && e.absent != "" {
				t.Errorf("%s: %s holds without it, but the schema has a default or requires it", e.path, e.absent)
			}
			if top := !strings.ContainsAny(e.path, ".["); i == 0 && top != (e.merge != "") && e.path != "mergingMode" {
				t.Errorf("%s: class and Gateway combine %q", e.path, e.merge)
			}
		}
	}
}
