// Package awscoverage compares what AWS's SDK has of Elastic Load Balancing (elasticloadbalancingv2) with a table of
// what users of the controller can ask for. It writes docs/aws-coverage.md.
package awscoverage

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const module = "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"

// SDK is what the source of the SDK declares.
type SDK struct {
	Version    string
	Operations []string
	// Attributes are the keys by type: LoadBalancerAttribute, TargetGroupAttribute, ListenerAttribute.
	Attributes map[string][]string
	Conditions []string // fields of rule conditions
	// Enumerations are the values by type.
	Enumerations map[string][]string
}

// Read reads the source of the SDK's version that the controller links.
func Read() (*SDK, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}} {{.Dir}}", module).Output()
	if err != nil {
		return nil, fmt.Errorf("finding the SDK: %w", err)
	}
	version, dir, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	s := &SDK{Version: version, Attributes: map[string][]string{}, Enumerations: map[string][]string{}}
	files, err := filepath.Glob(filepath.Join(dir, "api_op_*.go"))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		s.Operations = append(s.Operations, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(f), "api_op_"), ".go"))
	}
	if err := s.readEnumerations(filepath.Join(dir, "types", "enums.go")); err != nil {
		return nil, err
	}
	if err := s.readDocumented(filepath.Join(dir, "types", "types.go")); err != nil {
		return nil, err
	}
	return s, nil
}

// readEnumerations reads the constants of a file, by their type.
func (s *SDK) readEnumerations(file string) error {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		return err
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || v.Type == nil || len(v.Values) != 1 {
			return true
		}
		literal, isLiteral := v.Values[0].(*ast.BasicLit)
		if name, isName := v.Type.(*ast.Ident); isName && isLiteral {
			if text, err := strconv.Unquote(literal.Value); err == nil {
				s.Enumerations[name.Name] = append(s.Enumerations[name.Name], text)
			}
		}
		return true
	})
	return nil
}

// documented finds the names that a comment lists: "- NAME - What it is", also with a dash of another kind, and with a
// line break around the name.
var documented = regexp.MustCompile(`(?m)^\s*-\s+([a-z0-9_]+(?:[.-][a-z0-9_]+)+)\s+[-–]`)

// readDocumented reads the names that only comments of fields have: keys of attributes, fields of conditions.
func (s *SDK) readDocumented(file string) error {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		return err
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		t, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		fields, ok := t.Type.(*ast.StructType)
		if !ok {
			return false
		}
		for _, f := range fields.Fields.List {
			if len(f.Names) != 1 || f.Doc == nil {
				continue
			}
			names := namesIn(f.Doc.Text())
			switch {
			case strings.HasSuffix(t.Name.Name, "Attribute") && f.Names[0].Name == "Key":
				s.Attributes[t.Name.Name] = names
			case t.Name.Name == "RuleCondition" && f.Names[0].Name == "Field":
				s.Conditions = names
			}
		}
		return false
	})
	return nil
}

func namesIn(comment string) (names []string) {
	for _, m := range documented.FindAllStringSubmatch(comment, -1) {
		if !slices.Contains(names, m[1]) {
			names = append(names, m[1])
		}
	}
	return names
}
