package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/internal/lbc/chain"
	"github.com/k8s-lbc/lbc/internal/lib/buildinfo"
	"github.com/k8s-lbc/lbc/internal/view/doctor"
	"github.com/k8s-lbc/lbc/internal/view/explain"
)

// apiVersion is the version of all documents that lbc prints for programs. Another one is for what breaks their
// readers.
const apiVersion = "lbc.k8s.aws/v1alpha1"

// documentKind is the kind of a document for programs.
type documentKind string

// The kinds of documents.
const (
	planKind                   documentKind = "Plan"
	lintKind                   documentKind = "Lint"
	explanationKind            documentKind = "Explanation"
	routeExplanationKind       documentKind = "RouteExplanation"
	acceleratorExplanationKind documentKind = "AcceleratorExplanation"
	bindingExplanationKind     documentKind = "BindingExplanation"
	diagnosisKind              documentKind = "Diagnosis"
	orphansKind                documentKind = "Orphans"
	cleanupKind                documentKind = "Cleanup"
	holdsKind                  documentKind = "Holds"
	timelineKind               documentKind = "Timeline"
	rollbackKind               documentKind = "RollbackCheck"
	migrationKind              documentKind = "Migration"
	versionKind                documentKind = "Version"
	errorKind                  documentKind = "Error"
)

// member is a kind with the command that prints it, what it is, and its Go type, from which lbc generates its schema.
type member struct {
	kind    documentKind
	command string // empty = any
	about   string
	fields  reflect.Type
}

// family is each kind.
var family = []member{
	{planKind, "plan", "what would be created, changed and deleted in AWS, and why", reflect.TypeFor[planDocument]()},
	{lintKind, "lint", "what is wrong with manifests", reflect.TypeFor[lintDocument]()},
	{explanationKind, "explain", "where the settings of an object come from", reflect.TypeFor[explain.Explanation]()},
	{routeExplanationKind, "explain", "where the settings of a route or ListenerSet come from, for each of its Gateways",
		reflect.TypeFor[explain.Part]()},
	{acceleratorExplanationKind, "explain", "where the settings of a GlobalAccelerator come from, and the chain to its " +
		"load balancers", reflect.TypeFor[chain.AcceleratorExplanation]()},
	{bindingExplanationKind, "explain", "the chain from the Service of a TargetGroupBinding to the targets in AWS",
		reflect.TypeFor[chain.BindingExplanation]()},
	{diagnosisKind, "doctor", "what keeps the controller or its load balancers from working",
		reflect.TypeFor[doctor.Report]()},
	{holdsKind, "hold", "what administrators keep from being written to AWS", reflect.TypeFor[holdsDocument]()},
	{timelineKind, "timeline", "what happened to an object and its load balancer", reflect.TypeFor[timelineDocument]()},
	{orphansKind, "orphans", "what no object of the cluster claims", reflect.TypeFor[orphansDocument]()},
	{cleanupKind, "cleanup", "what would be deleted", reflect.TypeFor[cleanupDocument]()},
	{rollbackKind, "rollback-check", "what objects use that the existing controller does not have",
		reflect.TypeFor[rollbackDocument]()},
	{migrationKind, "migrate", "the report of a translation", reflect.TypeFor[migrationDocument]()},
	{versionKind, "version", "the version of lbc", reflect.TypeFor[buildinfo.Info]()},
	{errorKind, "", "why a command has failed", reflect.TypeFor[errorDocument]()},
}

// apart are the commands whose JSON is that of others.
var apart = map[string]string{
	"iam-policy": "the JSON is a policy document of AWS",
}

// errorDocument takes the place of the document of a command that has failed.
type errorDocument struct {
	Findings []finding `json:"findings"`
}

// withHead is the JSON of a document, which begins with its version and kind.
func withHead(kind documentKind, fields any) ([]byte, error) {
	text, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	rest, ok := bytes.CutPrefix(text, []byte("{"))
	if !ok {
		return nil, fmt.Errorf("a document of kind %s must be a JSON object", kind)
	}
	head := fmt.Sprintf(`{"apiVersion":%q,"kind":%q`, apiVersion, kind)
	if string(rest) != "}" {
		head += ","
	}
	return append([]byte(head), rest...), nil
}

// execute runs the program. A command that fails before it has printed anything prints a document of kind Error, if its
// output is for programs.
func execute(run func() (*cobra.Command, error), root *cobra.Command) error {
	out := &counter{w: root.OutOrStdout()}
	root.SetOut(out)
	cmd, err := run()
	var code exitCode
	if err == nil || errors.As(err, &code) || out.written || !printsDocuments(cmd) {
		return err
	}
	o := outputs{format: cmd.Flag("output").Value.String()}
	if o.format != "json" && o.format != "yaml" {
		return err
	}
	failure := finding{Severity: severityError, Object: cmd.CommandPath(), Reason: "CommandFailed", Message: err.Error()}
	if printErr := o.encode(out, errorKind, errorDocument{[]finding{failure}}); printErr != nil {
		return errors.Join(err, printErr)
	}
	return err
}

// printsDocuments reports whether documents are what a command prints to its standard output: that of migrate is
// manifests.
func printsDocuments(cmd *cobra.Command) bool {
	if cmd == nil || cmd.Flag("output") == nil || cmd.Name() == "migrate" {
		return false
	}
	for _, m := range family {
		if m.command == cmd.Name() {
			return true
		}
	}
	return false
}

// counter knows whether anything was written.
type counter struct {
	w       io.Writer
	written bool
}

func (c *counter) Write(p []byte) (int, error) {
	c.written = c.written || len(p) > 0
	return c.w.Write(p)
}

func schemaCommand() *cobra.Command {
	var kinds, lines []string
	for _, m := range family {
		kinds = append(kinds, string(m.kind))
		lines = append(lines, fmt.Sprintf("  %-17s %s", m.kind, m.about))
	}
	return &cobra.Command{
		Use:   "schema [KIND]",
		Short: "Print the JSON Schema of a document that -o json prints",
		Long: "Print the JSON Schema (draft 2020-12) of a document that -o json and -o yaml print. Each document has " +
			"fields apiVersion and kind.\n\nKinds:\n" + strings.Join(lines, "\n") +
			"\n\nWithout KIND, the kinds are printed.",
		Example:   "  lbc schema\n  lbc schema Plan > plan.schema.json",
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: kinds,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), strings.Join(lines, "\n"))
				return err
			}
			for _, m := range family {
				if strings.EqualFold(string(m.kind), args[0]) {
					text, err := schemaOf(m.kind, m.about, m.fields)
					if err != nil {
						return err
					}
					_, err = cmd.OutOrStdout().Write(text)
					return err
				}
			}
			return fmt.Errorf("there is no kind %q; there are %s", args[0], list(kinds))
		},
	}
}
