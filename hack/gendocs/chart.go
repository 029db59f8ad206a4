package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const chartReadmeHead = `# aws-load-balancer-controller

` + generated +
	`Application and Network Load Balancers of AWS for Ingresses, Services and Gateways: a drop-in for the chart of the same name, with its values, object names, labels and selectors.

    helm install aws-load-balancer-controller charts/aws-load-balancer-controller -n kube-system -f values.yaml

No image is published yet. [Install with Helm](../../docs/install.md) says how to build one, what differs from the existing chart, and how to upgrade from it. ` + "`clusterName`" + `,
` + "`image.repository`" + ` and ` + "`image.tag`" +
	` are required. For an unknown value, Helm's error names the value that you probably mean.

## Values

"Differs" marks what is different in the chart of the AWS Load Balancer Controller v3.5 (the existing chart). "Ours" marks values that the existing chart does not have.
`

// chartReadme is the README of the chart, made of values.yaml: a heading for each part, a row for each value with the
// comment above it.
func chartReadme() error {
	dir := filepath.Join("charts", "aws-load-balancer-controller")
	text, err := os.ReadFile(filepath.Join(dir, "values.yaml"))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "README.md"), []byte(chartReadmeHead+valueTables(string(text))), 0o644)
}

// valueTables are the tables of values of a file in which each part begins with a comment "# --- Title".
func valueTables(text string) string {
	var b strings.Builder
	var comment []string
	var path []string // names of the maps around a line, by depth
	inText := false   // a table is open
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "":
			comment = nil
		case strings.HasPrefix(trimmed, "# --- "):
			fmt.Fprintf(&b, "\n### %s\n\n| Value | Default | Meaning |\n|---|---|---|\n", strings.TrimPrefix(trimmed, "# --- "))
			comment, inText = nil, true
		case strings.HasPrefix(trimmed, "#"):
			comment = append(comment, strings.TrimSpace(strings.TrimPrefix(trimmed, "#")))
		case strings.HasPrefix(trimmed, "- ") || !inText:
		default:
			name, value, _ := strings.Cut(trimmed, ":")
			depth := (len(line) - len(strings.TrimLeft(line, " "))) / 2
			path = append(path[:min(depth, len(path))], name)
			if value = strings.TrimSpace(value); value != "" {
				value = "`" + value + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", strings.Join(path, "."), value,
				strings.ReplaceAll(strings.Join(comment, " "), "|", `\|`))
			comment = nil
		}
	}
	return b.String()
}
