package startup

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"

	"github.com/k8s-lbc/lbc/internal/kube/definition"
	"github.com/k8s-lbc/lbc/internal/lib/sleep"
	"github.com/k8s-lbc/lbc/internal/model/diag"
	"github.com/k8s-lbc/lbc/internal/model/impairment"
)

// schemaInterval is the pause between two looks at the schemas that the API server publishes.
const schemaInterval = 30 * time.Second

// Schemas follows whether the API server has the fields of this version of the controller in the schemas of its custom
// resources. It drops fields that it does not know from objects, without an error. Schemas are read as OpenAPI, which
// every authenticated client may do by default, so that the check works with the rights of an older installation.
type Schemas struct {
	Conditions *impairment.Conditions
	Client     rest.Interface
	Wanted     map[string]definition.Definition // by name of the CustomResourceDefinition
	Log        logr.Logger

	urls   map[string]string              // of the document of each group and version; they change with its content
	fields map[string]map[string][]string // the fields of each kind, by the same
	unread string                         // why the last look failed
}

// Run looks until ctx ends.
func (s *Schemas) Run(ctx context.Context) {
	for {
		s.Look(ctx)
		if sleep.For(ctx, schemaInterval) != nil {
			return
		}
	}
}

// Look reads the schemas that have changed, all of them while one is outdated, and sets or heals the condition. If they
// cannot be read, the condition stays.
func (s *Schemas) Look(ctx context.Context) {
	bounded, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	err := s.read(bounded)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		if s.unread != err.Error() {
			s.Log.Info("schemas of custom resources cannot be read: whether their definitions are outdated is not known; "+
				"lbc doctor tells", "cause", err.Error())
		}
		s.unread = err.Error()
		return
	}
	s.unread = ""
	outdated := s.outdated()
	if len(outdated) == 0 {
		s.Conditions.Heal(impairment.DefinitionsOutdated)
		return
	}
	// a document may be newer than its URL in the list: after an upgrade and its undoing, the URL would be the same
	s.urls = nil
	s.Conditions.Set(impairment.Condition{Reason: impairment.DefinitionsOutdated, Remedy: impairment.ApplyDefinitions,
		Text: "definitions are older than this version of the controller: " + strings.Join(outdated, "; ") +
			". The API server drops such fields from objects without an error"})
}

// openAPI is what is read of the API server's list of documents, and of a document.
type openAPI struct {
	Paths map[string]struct {
		URL string `json:"serverRelativeURL"`
	}
	Components struct{ Schemas map[string]map[string]any }
}

func (s *Schemas) get(ctx context.Context, url string) (out openAPI, err error) {
	raw, err := s.Client.Get().RequestURI(url).SetHeader("Accept", "application/json").Do(ctx).Raw()
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		return out, fmt.Errorf("%s is no OpenAPI document: %w", url, err)
	}
	return out, nil
}

// read reads the documents of the groups and versions that are wanted, if they have changed.
func (s *Schemas) read(ctx context.Context) error {
	list, err := s.get(ctx, "/openapi/v3")
	if err != nil {
		return err
	}
	urls, fields := map[string]string{}, map[string]map[string][]string{}
	for name, d := range s.Wanted {
		for version := range d.Versions {
			path := "apis/" + group(name) + "/" + version
			url := list.Paths[path].URL
			if _, done := urls[path]; done || url == "" { // it is not served
				continue
			}
			if urls[path] = url; s.urls[path] == url {
				fields[path] = s.fields[path]
				continue
			}
			document, err := s.get(ctx, url)
			if err != nil {
				return err
			}
			fields[path] = fieldsByKind(document.Components.Schemas)
		}
	}
	s.urls, s.fields = urls, fields
	return nil
}

// group is the group of a definition's name.
func group(name string) string {
	_, g, _ := strings.Cut(name, ".")
	return g
}

// fieldsByKind are the fields of the schemas that are whole objects.
func fieldsByKind(schemas map[string]map[string]any) map[string][]string {
	out := map[string][]string{}
	for _, schema := range schemas {
		kinds, _ := schema["x-kubernetes-group-version-kind"].([]any)
		if len(kinds) != 1 { // as those of DeleteOptions
			continue
		}
		gvk, _ := kinds[0].(map[string]any)
		if kind, _ := gvk["kind"].(string); kind != "" {
			out[kind] = definition.Fields(schema)
		}
	}
	return out
}

// outdated are sentences about the served definitions that lack versions or fields. A definition that is missing
// altogether is another condition.
func (s *Schemas) outdated() (out []string) {
	for _, name := range slices.Sorted(maps.Keys(s.Wanted)) {
		d := s.Wanted[name]
		var lacks []string
		served := false
		for _, version := range slices.Sorted(maps.Keys(d.Versions)) {
			has, ok := s.fields["apis/"+group(name)+"/"+version][d.Kind]
			if !ok {
				lacks = append(lacks, name+" lacks version "+version)
				continue
			}
			served = true
			if fields := definition.Lacks(has, d.Versions[version]); len(fields) > 0 {
				lacks = append(lacks, name+" "+version+" lacks "+diag.First(fields, 3, ", "))
			}
		}
		if served {
			out = append(out, lacks...)
		}
	}
	return out
}
