package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/cmd/lbc/explain"
	"github.com/k8s-lbc/lbc/cmd/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/diag"
	"github.com/k8s-lbc/lbc/internal/front/gateway"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/stack"
	"github.com/k8s-lbc/lbc/internal/stackjson"
)

const planHelp = `Show what the controller would create (+), change (~), replace (±) and delete (-) in AWS, and why.

` + inputHelp + `

With files and a cluster, only the load balancers that the files concern are planned. Annotation dry-run is ignored.

-o stack prints the desired stack of each load balancer, in the form of annotation dry-run-plan, one JSON text per line.

Exit status: 0 success; 1 error; 2 an object is invalid, and its diagnostics are in the output; with --exit-code, 3 there are
changes.`

const planExample = `  # What would these manifests create?
  lbc plan -f shop.yaml

  # What would they change in this cluster? What would the controller change without them?
  lbc plan -f shop.yaml --kubeconfig ~/.kube/config --cluster-name prod
  lbc plan --kubeconfig ~/.kube/config --cluster-name prod

  # In a pipeline without credentials, with a recording
  lbc plan -f shop.yaml --account recorded.json --exit-code -o json`

type planOptions struct {
	inputs
	outputs
	exitCode bool
}

func planCommand() *cobra.Command {
	var o planOptions
	cmd := &cobra.Command{
		Use:     "plan [FILE]... [--kubeconfig FILE] [--account FILE]",
		Short:   "Show what would be created, changed and deleted in AWS, and why",
		Long:    planHelp,
		Example: planExample,
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.files = append(o.files, args...)
			return o.run(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), cmd.InOrStdin())
		},
	}
	o.inputs.flags(cmd)
	o.outputs.flags(cmd, "text", "json", "yaml", "stack")
	cmd.Flags().BoolVar(&o.exitCode, "exit-code", false, "exit with status 3 if there are changes")
	return cmd
}

func (o *planOptions) run(ctx context.Context, out, errOut io.Writer, in io.Reader) error {
	if err := o.validate(); err != nil {
		return err
	}
	src, err := o.open(ctx, errOut, in)
	if err != nil {
		return err
	}
	defer src.close()
	if src.builtIn && o.format == "text" {
		fmt.Fprintf(errOut, "lbc: planned in the simulator's built-in account (%s, cluster %s); --account or --kubeconfig select another one\n\n", o.config.Region, o.config.ClusterName) //nolint:errcheck // a hint
	}
	hint(errOut, src.assumedClasses)
	got, err := o.plans(ctx, src)
	if err != nil {
		return err
	}
	if err := o.print(out, got); err != nil {
		return err
	}
	switch {
	case got.Invalid():
		o.noteQuarantine(errOut)
		return exitInvalid
	case o.exitCode && slices.ContainsFunc(got.Stacks, func(r offline.Result) bool { return !r.Plan.Empty() }):
		return exitChanges
	}
	return nil
}

// planDocument is the output of -o json and -o yaml. Its lists are never null.
type planDocument struct {
	Stacks []plannedStack `json:"stacks"`
	// Findings are about objects that belong to no stack.
	Findings []explain.Finding `json:"findings,omitempty"`
}

type plannedStack struct {
	Key         stack.Key         `json:"key"`
	Plan        plan.Plan         `json:"plan"`
	Findings    []explain.Finding `json:"findings,omitempty"`
	Unbuildable bool              `json:"unbuildable,omitempty"`
	// DriftAssumed reports that fields count as applied last as they are wanted, because no checkpoint of the controller was read.
	DriftAssumed bool `json:"driftAssumed,omitempty"`
}

func documentOf(got offline.Outcome) planDocument {
	d := planDocument{Stacks: []plannedStack{}, Findings: explain.Findings(got.Diagnostics)}
	for _, r := range got.Stacks {
		if r.Plan.Steps == nil {
			r.Plan.Steps = []plan.Step{}
		}
		d.Stacks = append(d.Stacks, plannedStack{r.Key, r.Plan, append(explain.Findings(r.Diagnostics), unmetFindings(r.Unmet)...), r.Unbuildable, r.DriftAssumed})
	}
	return d
}

// unmetFindings is the JSON form of conditions that are not met: their reasons are the codes.
func unmetFindings(all []gateway.Unmet) (out []explain.Finding) {
	for _, u := range all {
		out = append(out, explain.Finding{Object: u.Object.String(), Field: u.Path, Code: u.Reason, Class: string(diag.Invalid), Text: u.Message})
	}
	return out
}

func (o *planOptions) print(out io.Writer, got offline.Outcome) error {
	switch o.format {
	case "json", "yaml":
		return o.encode(out, documentOf(got))
	case "stack":
		return stacks(out, got.Stacks)
	}
	var b strings.Builder
	for _, r := range got.Stacks {
		if r.Unbuildable {
			fmt.Fprintf(&b, "%s: cannot be built; nothing would be changed\n", r.Key)
		} else {
			b.WriteString(r.Plan.Text(plan.TextOptions{Color: o.colored(out)}))
		}
		if r.DriftAssumed {
			b.WriteString("  note: without a checkpoint of the controller it is not known what it applied last: what differs counts as changed in AWS, also if an edit makes the difference\n")
		}
		diagnostics(&b, r.Diagnostics, "  ")
		for _, u := range r.Unmet {
			fmt.Fprintf(&b, "  error: %s: %s (%s) [%s]\n", u.Object, u.Message, u.Path, u.Reason)
		}
		b.WriteString("\n")
	}
	diagnostics(&b, got.Diagnostics, "")
	if len(got.Stacks)+len(got.Diagnostics) == 0 {
		b.WriteString("no object declares a load balancer: Ingresses need class alb (or annotation kubernetes.io/ingress.class: alb), " +
			"Services spec.loadBalancerClass: service.k8s.aws/nlb, Gateways a GatewayClass of controller gateway.k8s.aws/alb, /nlb or /auto\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func diagnostics(b *strings.Builder, l diag.List, indent string) {
	for _, d := range l {
		fmt.Fprintf(b, "%s%s %s: %s\n", indent, mark(d), d.Object, d.Message())
	}
}

// stacks prints the desired stacks, one per line.
func stacks(out io.Writer, results []offline.Result) error {
	var b bytes.Buffer
	for _, r := range results {
		if r.Compiled.Stack == nil {
			continue
		}
		text, err := stackjson.Marshal(r.Compiled.Stack)
		if err != nil {
			return err
		}
		if err := json.Compact(&b, text); err != nil {
			return err
		}
		b.WriteByte('\n')
	}
	_, err := out.Write(b.Bytes())
	return err
}
