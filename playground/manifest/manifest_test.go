package manifest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseReadsDocumentsInOrderAndOpensLists(t *testing.T) {
	t.Parallel()
	objects, err := Parse("file.yaml", []byte(`# a comment
---
# another
---
apiVersion: v1
kind: Namespace
metadata: {name: a}
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Service, metadata: {name: b}}
- {apiVersion: v1, kind: Service, metadata: {name: c}}
`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range objects {
		got = append(got, o.GetKind()+" "+o.GetName())
	}
	if d := cmp.Diff([]string{"Namespace a", "Service b", "Service c"}, got); d != "" {
		t.Error(d)
	}
}

func TestParseNamesFileAndDocumentOfAnError(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"a: [":                     "file.yaml: document 1",
		"metadata: {name: nobody}": "document 1 has no kind",
	} {
		if _, err := Parse("file.yaml", []byte(content)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", content, err, want)
		}
	}
}

func TestObjectsOfAReleaseBelongToHelm(t *testing.T) {
	t.Parallel()
	objects, err := Parse("file.yaml", []byte(`{apiVersion: v1, kind: Service, metadata: {name: a}}
---
{apiVersion: v1, kind: Service, metadata: {name: b, annotations: {meta.helm.sh/release-name: c}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"playground", "helm"} {
		if got := fieldManager(objects[i]); got != want {
			t.Errorf("%s belongs to %q, want %q", objects[i].GetName(), got, want)
		}
	}
}
