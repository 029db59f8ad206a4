// Package recorded reads the cases that were recorded with the existing controller, and reports differences from them.
// It serves tests: package parity, and parity in a cluster.
package recorded

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

// Tree is an object of JSON.
type Tree = map[string]any

// Case is what was applied to a cluster, how it was edited, and what there was after each edit.
type Case struct {
	Name      string // AREA/NAME, as of its files
	Namespace string
	Objects   []Tree            // in the namespace; what is generated is a placeholder
	Edits     []Edit            // the first one, "create", does nothing
	After     []json.RawMessage // per edit
}

// Edit is a step of a case.
type Edit struct {
	Step string   `json:"step"`
	Do   []Change `json:"do"`
}

// Change patches or annotates one object, which is named as Kind/name.
type Change struct {
	Patch    string         `json:"patch"`
	With     []Operation    `json:"with"`
	Annotate string         `json:"annotate"`
	ALB      map[string]any `json:"alb"` // annotations, without their prefix
}

// Operation is one of JSON Patch; cases add, replace and remove.
type Operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value,omitempty"`
}

// Files are the manifests of the cases below a directory, AREA/NAME.yaml.
func Files(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.yaml"))
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("no recorded case below %s", dir)
	}
	return files, err
}

// Read reads AREA/NAME.yaml and the results beside it, NAME.json. Each step has a result, and each result its step.
func Read(file string) (*Case, error) {
	area, name := filepath.Base(filepath.Dir(file)), strings.TrimSuffix(filepath.Base(file), ".yaml")
	c := &Case{Name: area + "/" + name, Namespace: area[:1] + name, Edits: []Edit{{Step: "create"}}}
	if err := c.readManifest(file); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	file = strings.TrimSuffix(file, ".yaml") + ".json"
	if err := c.readResults(file); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

func (c *Case) readManifest(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for _, doc := range bytes.Split(text, []byte("\n---\n")) {
		var o Tree
		if err := yaml.Unmarshal(doc, &o); err != nil {
			return err
		}
		if o["step"] != nil {
			var e Edit
			if err := yaml.UnmarshalStrict(doc, &e); err != nil {
				return err
			}
			c.Edits = append(c.Edits, e)
			continue
		}
		m, ok := o["metadata"].(Tree)
		if !ok {
			return fmt.Errorf("neither an object nor a step: %s", doc)
		}
		m["namespace"] = c.Namespace
		c.Objects = append(c.Objects, o)
	}
	return nil
}

func (c *Case) readResults(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var results struct{ Steps map[string]json.RawMessage }
	if err := json.Unmarshal(text, &results); err != nil {
		return err
	}
	for i, e := range c.Edits {
		after, ok := results.Steps[fmt.Sprintf("%d %s", i, e.Step)]
		if !ok {
			return fmt.Errorf("no result of step %d %s", i, e.Step)
		}
		c.After = append(c.After, after)
	}
	if len(results.Steps) != len(c.Edits) {
		return fmt.Errorf("%d results for %d steps", len(results.Steps), len(c.Edits))
	}
	return nil
}
