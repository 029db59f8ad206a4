package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/k8s-lbc/lbc/internal/lbc/migrate"
)

// manifestFile is a file of the output.
type manifestFile struct {
	name    string
	content []byte
	count   int
}

// write writes the manifests, and returns the names of the files. No file is written if one of them exists.
func (o *migrateOptions) write(out io.Writer, got migrate.Result) ([]writtenFile, error) {
	written := []writtenFile{}
	if o.dir == "" {
		text, err := o.encodeManifests(got.Objects)
		if err != nil || len(got.Objects) == 0 {
			return written, err
		}
		_, err = out.Write(text)
		return written, err
	}
	files, err := o.manifestFiles(got.Objects)
	if err != nil {
		return nil, err
	}
	if !o.overwrite {
		for _, f := range files {
			if _, err := os.Stat(f.name); err == nil {
				return nil, fmt.Errorf("%s exists: name another --output-dir, or replace it with --overwrite; nothing was written",
					f.name)
			} else if !errors.Is(err, fs.ErrNotExist) {
				return nil, err
			}
		}
	}
	for _, f := range files {
		if err := os.MkdirAll(filepath.Dir(f.name), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(f.name, f.content, 0o644); err != nil {
			return nil, err
		}
		written = append(written, writtenFile{f.name, f.count})
	}
	return written, nil
}

// manifestFiles are the files of the objects.
func (o *migrateOptions) manifestFiles(all []metav1.Object) (out []manifestFile, err error) {
	by := map[string][]metav1.Object{}
	var names []string
	for _, x := range all {
		name := translations[o.from].file
		if o.split == "namespace" {
			if name = filepath.Join(x.GetNamespace(), name); x.GetNamespace() == "" {
				name = "gatewayclass"
			}
		}
		name = filepath.Join(o.dir, name+"."+o.extension)
		if by[name] == nil {
			names = append(names, name)
		}
		by[name] = append(by[name], x)
	}
	for _, n := range names {
		text, err := o.encodeManifests(by[n])
		if err != nil {
			return nil, err
		}
		out = append(out, manifestFile{n, text, len(by[n])})
	}
	return out, nil
}

// encodeManifests encodes objects without what the API server fills in.
func (o *migrateOptions) encodeManifests(all []metav1.Object) ([]byte, error) {
	var b bytes.Buffer
	var items []any
	for i, x := range all {
		text, err := json.Marshal(x)
		if err != nil {
			return nil, err
		}
		var fields map[string]any
		if err := json.Unmarshal(text, &fields); err != nil {
			return nil, err
		}
		delete(fields, "status")
		if m, ok := fields["metadata"].(map[string]any); ok {
			delete(m, "creationTimestamp")
		}
		if o.extension == "json" {
			items = append(items, fields)
			continue
		}
		if text, err = json.Marshal(fields); err != nil {
			return nil, err
		}
		if text, err = yaml.JSONToYAML(escaped(text)); err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteString("---\n")
		}
		b.Write(text)
	}
	if o.extension == "json" {
		e := json.NewEncoder(&b)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		if err := e.Encode(map[string]any{"apiVersion": "v1", "kind": "List", "items": items}); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// migrationDocument is the report. Its lists are never null.
type migrationDocument struct {
	Files       []writtenFile     `json:"files"`
	Skipped     []migrate.Skipped `json:"skipped"`
	Findings    []migrate.Finding `json:"findings"`
	Comparisons []proof           `json:"comparisons"`
	Known       []string          `json:"knownDifferences"`
}

type writtenFile struct {
	Name    string `json:"name"`
	Objects int    `json:"objects"`
}

func (o *migrateOptions) print(errOut io.Writer, d migrationDocument, sides [2]string) error {
	d.Skipped, d.Findings = append([]migrate.Skipped{}, d.Skipped...), append([]migrate.Finding{}, d.Findings...)
	var b bytes.Buffer
	if o.format == "text" {
		d.text(&b, sides)
	} else if err := o.encode(&b, migrationKind, d); err != nil {
		return err
	}
	if o.report == "" {
		_, err := errOut.Write(b.Bytes())
		return err
	}
	flag := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if o.overwrite {
		flag = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(o.report, flag, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("--report: %s exists: name another file, or replace it with --overwrite", o.report)
	}
	if err != nil {
		return fmt.Errorf("--report: %w", err)
	}
	_, err = f.Write(b.Bytes())
	return errors.Join(err, f.Close())
}

// text is the report for people. sides are what the two that are compared are called.
func (d migrationDocument) text(b *bytes.Buffer, sides [2]string) {
	for _, f := range d.Files {
		fmt.Fprintf(b, "Generated %d resource(s) in %s\n", f.Objects, f.Name)
	}
	for _, s := range d.Skipped {
		fmt.Fprintf(b, "skipped: %s: %s\n", s.Object, s.Why)
	}
	for _, f := range d.Findings {
		at := ""
		if f.Field != "" {
			at = " (" + f.Field + ")"
		}
		fmt.Fprintf(b, "%s: %s: %s%s\n", f.Severity, f.Object, f.Text, at)
		if f.Remedy != "" {
			fmt.Fprintf(b, "  → %s\n", f.Remedy)
		}
	}
	for _, p := range d.Comparisons {
		fmt.Fprintf(b, "\n%s → %s\n", p.From, p.To)
		switch {
		case p.Unproven != "":
			fmt.Fprintf(b, "  not compared: %s\n", p.Unproven)
		case len(p.Differences) == 0:
			fmt.Fprintf(b, "  equal: %d generated requests are answered alike, and the settings are the same\n", p.Requests)
		default:
			fmt.Fprintf(b, "  %d generated requests, %d difference(s):\n", p.Requests, len(p.Differences))
			for _, x := range p.Differences {
				more := ""
				if x.Requests > 1 {
					more = fmt.Sprintf(" (and %d more)", x.Requests-1)
				}
				fmt.Fprintf(b, "    %s%s\n      %s: %s\n      %s: %s\n", x.What, more, sides[0], x.Before, sides[1], x.After)
			}
		}
	}
	if len(d.Comparisons) > 0 {
		b.WriteString("\nIn every migration:\n")
		for _, k := range d.Known {
			fmt.Fprintf(b, "  %s\n", k)
		}
	}
}
