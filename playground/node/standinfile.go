package node

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// plainWords say for people what the decoder says of a file that does not fit.
var plainWords = []struct {
	pattern *regexp.Regexp
	text    string
}{
	{regexp.MustCompile(`field (\S+) not found in type \S+`), `unknown field "$1"`},
	{regexp.MustCompile("cannot unmarshal (?:!!\\S+)? ?`?(.*?)`? into uint16"),
		`port "$1" is not a number from 1 to 65535`},
	{regexp.MustCompile(`cannot unmarshal .* into \[\]node\.StandInPort`), "ports is not a list: write items such as " +
		"{port: 80, serve: text, text: hello}"},
	{regexp.MustCompile(`cannot unmarshal .* into node\.StandInPort`), "this is not a port: write an item such as " +
		"{port: 80, serve: text, text: hello}"},
	{regexp.MustCompile(`cannot unmarshal .* into (\[\]node\.StandIn|node\.StandIn|struct.*)`), "this is not a list of " +
		"images: write items with image and ports under images"},
}

// ParseStandIns reads a file that says which images serve what. Each error names the file and the line.
func ParseStandIns(file string, content []byte) ([]StandIn, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	var doc struct {
		Images []StandIn `yaml:"images"`
	}
	if err := decoder.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		text := strings.TrimPrefix(err.Error(), "yaml: ")
		if wrong := new(yaml.TypeError); errors.As(err, &wrong) {
			text = wrong.Errors[0]
		}
		for _, plain := range plainWords {
			text = plain.pattern.ReplaceAllString(text, plain.text)
		}
		return nil, fmt.Errorf("%s: %s", file, text)
	}
	if len(doc.Images) == 0 {
		return nil, fmt.Errorf("%s: no images: write a list of them under images", file)
	}
	lines := linesOf(content)
	for i, s := range doc.Images {
		line := lines.at("images", i)
		if problem := s.problem(); problem != "" {
			return nil, fmt.Errorf("%s: line %d: %s", file, line.number, problem)
		}
		for j, p := range s.Ports {
			if problem := p.problem(); problem != "" {
				return nil, fmt.Errorf("%s: line %d: %s", file, line.at("ports", j).number, problem)
			}
		}
	}
	return doc.Images, nil
}

func (s StandIn) problem() string {
	switch _, err := path.Match(s.Image, ""); {
	case s.Image == "":
		return "image is missing: write a pattern of image names, such as colorteller"
	case err != nil:
		return fmt.Sprintf("image %q is no pattern: *, ? and [a-z] stand for text", s.Image)
	case len(s.Ports) == 0:
		return fmt.Sprintf("image %s has no ports: write a list of them, such as {port: 80, serve: text, text: hello}",
			s.Image)
	}
	return ""
}

func (p StandInPort) problem() string {
	switch p.Serve {
	case ServesText, ServesEcho, ServesGRPC, ServesTCP, ServesUDP, ServesNone:
	default:
		return fmt.Sprintf("serve %q is not text, echo, grpc, tcp, udp or none", p.Serve)
	}
	switch {
	case p.Port == 0 && p.PortFrom == "":
		return "a port has neither port nor portFrom: write a number from 1 to 65535, or the name of a variable"
	case p.Serve == ServesText && p.Text == "" && p.TextFrom == "":
		return "serve text needs text or textFrom"
	case p.Serve != ServesText && p.Text+p.TextFrom != "":
		return fmt.Sprintf("text and textFrom are for serve text, not %s", p.Serve)
	}
	return ""
}

// lineNode is a place in a YAML file.
type lineNode struct {
	number int
	node   *yaml.Node
}

// linesOf is the root of a file that was decoded before.
func linesOf(content []byte) lineNode {
	var root yaml.Node
	if err := yaml.Unmarshal(content, &root); err != nil || len(root.Content) == 0 {
		return lineNode{}
	}
	return lineNode{root.Line, root.Content[0]}
}

// at is the item of a list of a mapping; the place itself if there is none, as behind an alias.
func (l lineNode) at(field string, index int) lineNode {
	if l.node == nil {
		return l
	}
	for i := 0; i+1 < len(l.node.Content); i += 2 {
		if list := l.node.Content[i+1]; l.node.Content[i].Value == field && index < len(list.Content) {
			return lineNode{list.Content[index].Line, list.Content[index]}
		}
	}
	return l
}
