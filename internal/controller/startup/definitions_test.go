package startup

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"

	"github.com/k8s-lbc/lbc/internal/kube/definition"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// published is an API server's OpenAPI: documents by group and version, each with the fields of a kind.
type published struct {
	versions map[string]map[string][]string
	edition  string
	refuse   bool
	reads    atomic.Int32 // of documents
}

// ServeHTTP implements http.Handler.
func (p *published) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.refuse {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	const root = "/openapi/v3"
	if r.URL.Path == root {
		paths := map[string]any{}
		for gv := range p.versions {
			paths["apis/"+gv] = map[string]any{"serverRelativeURL": root + "/apis/" + gv + "?hash=" + p.edition}
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"paths": paths})
		return
	}
	p.reads.Add(1)
	group, version, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, root+"/apis/"), "/")
	schemas := map[string]any{"DeleteOptions": map[string]any{"x-kubernetes-group-version-kind": []any{
		map[string]any{"kind": "Binding"}, map[string]any{"kind": "Binding"}}}}
	for kind, fields := range p.versions[group+"/"+version] {
		properties := map[string]any{}
		for _, f := range fields {
			properties[f] = map[string]any{"type": "string"}
		}
		schemas[group+"."+kind] = map[string]any{"properties": properties, "x-kubernetes-group-version-kind": []any{
			map[string]any{"group": group, "version": version, "kind": kind}}}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"components": map[string]any{"schemas": schemas}})
}

// TestOutdatedDefinitionsAreACondition has the API server publish schemas of older definitions, and of new ones.
func TestOutdatedDefinitionsAreACondition(t *testing.T) {
	t.Parallel()
	wanted := map[string]definition.Definition{
		"bindings.test.example":   {Kind: "Binding", Versions: map[string][]string{"v1": {"a", "b", "c", "d", "e"}}},
		"parameters.test.example": {Kind: "Parameters", Versions: map[string][]string{"v1": {"a"}, "v2": {"a"}}},
		"others.else.example":     {Kind: "Other", Versions: map[string][]string{"v1": {"a"}}},
	}
	for _, tt := range []struct {
		name     string
		versions map[string]map[string][]string
		text     string // empty = there is no condition
	}{
		{"nothing is served", nil, ""},
		{"all is served", map[string]map[string][]string{"test.example/v1": {"Binding": {"a", "b", "c", "d", "e"},
			"Parameters": {"a"}}, "test.example/v2": {"Parameters": {"a"}}}, ""},
		{"more than wanted", map[string]map[string][]string{"test.example/v1": {"Binding": {"a", "b", "c", "d", "e", "f"}}},
			""},
		{"a field is missing", map[string]map[string][]string{"test.example/v1": {"Binding": {"a", "b", "c", "e"}}},
			"bindings.test.example v1 lacks d."},
		{"many fields are missing", map[string]map[string][]string{"test.example/v1": {"Binding": {"zone"}}},
			"bindings.test.example v1 lacks a, b, c and 2 more."},
		{"a version is missing", map[string]map[string][]string{"test.example/v1": {"Parameters": {"a"}}},
			"parameters.test.example lacks version v2."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(&published{versions: tt.versions})
			defer server.Close()
			s := schemasOf(server.URL, wanted)
			s.Look(t.Context())
			all := s.Conditions.All()
			if tt.text == "" && len(all) == 0 {
				return
			}
			if len(all) != 1 || all[0].Reason != impairment.DefinitionsOutdated ||
				all[0].Remedy != impairment.ApplyDefinitions || all[0].Blocks || tt.text == "" ||
				!strings.Contains(all[0].Text, tt.text) {
				t.Errorf("%+v", all)
			}
		})
	}
}

func schemasOf(url string, wanted map[string]definition.Definition) *Schemas {
	client := discovery.NewDiscoveryClientForConfigOrDie(&rest.Config{Host: url}).RESTClient()
	return &Schemas{Conditions: &impairment.Conditions{}, Client: client, Wanted: wanted, Log: logr.Discard()}
}

// TestOutdatedDefinitionsHealWhenTheyAreApplied applies definitions while an API server refuses some reads, and counts
// the documents that are read.
func TestOutdatedDefinitionsHealWhenTheyAreApplied(t *testing.T) {
	t.Parallel()
	p := &published{versions: map[string]map[string][]string{"test.example/v1": {"Binding": {"a"}}}, edition: "1"}
	server := httptest.NewServer(p)
	defer server.Close()
	s := schemasOf(server.URL, map[string]definition.Definition{
		"bindings.test.example": {Kind: "Binding", Versions: map[string][]string{"v1": {"a", "b"}}}})
	look := func(outdated bool, reads int32) {
		t.Helper()
		s.Look(t.Context())
		if s.Conditions.Has(impairment.DefinitionsOutdated) != outdated || p.reads.Load() != reads {
			t.Errorf("outdated is %t, after %d reads of documents", !outdated, p.reads.Load())
		}
	}
	look(true, 1)
	p.versions["test.example/v1"]["Binding"] = []string{"a", "b"} // under the URL that was there before
	p.refuse = true
	look(true, 1) // what cannot be read is no news
	p.refuse = false
	look(false, 2)
	look(false, 2) // the document is the same
	p.versions["test.example/v1"]["Binding"], p.edition = []string{"a"}, "2"
	look(true, 3)
}

// TestOwnDefinitionsHaveFields holds the list of fields to fields that the controller uses.
func TestOwnDefinitionsHaveFields(t *testing.T) {
	t.Parallel()
	own := definition.Own()
	if len(own) != 8 {
		t.Errorf("%d definitions", len(own))
	}
	lacks := definition.Lacks(own["targetgroupbindings.elbv2.k8s.aws"].Versions["v1beta1"],
		[]string{"metadata", "spec.networking.ingress[].from", "spec.targetGroupARN"})
	if len(lacks) > 0 {
		t.Errorf("fields of bindings are not found: %v", lacks)
	}
}
