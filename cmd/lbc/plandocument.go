package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/k8s-lbc/lbc/internal/controller/config"
	"github.com/k8s-lbc/lbc/internal/lbc/impact"
	"github.com/k8s-lbc/lbc/internal/lbc/offline"
	"github.com/k8s-lbc/lbc/internal/model/planjson"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
	"github.com/k8s-lbc/lbc/internal/view/explain"
)

// planDocument is the output of -o json and -o yaml. Its lists are never null.
type planDocument struct {
	Cluster string         `json:"cluster"`
	Region  string         `json:"region"`
	VPC     string         `json:"vpc"`
	Counts  counts         `json:"counts"` // of the steps of all stacks
	Stacks  []plannedStack `json:"stacks"`
	// Bindings are the TargetGroupBindings of users, and those of the stacks whose target groups exist.
	Bindings []plannedBinding `json:"bindings"`
	// Close are the steps that close rules of security groups that no binding needs.
	Close []plan.Step `json:"close,omitempty"`
	// Findings are about objects that belong to no stack.
	Findings []explain.Finding `json:"findings,omitempty"`
	// Impact is what the plans change of the bill and of exposure.
	Impact impact.Report `json:"impact"`
	// FailOn are the reasons for which --fail-on fails.
	FailOn []impact.Trigger `json:"failOn,omitempty"`
}

// counts are the steps of a plan by what they do. Those that are refused are among the others.
type counts struct {
	Create  int `json:"create"`
	Update  int `json:"update"`
	Replace int `json:"replace"`
	Delete  int `json:"delete"`
	Refused int `json:"refused"`
}

type plannedStack struct {
	Key         stack.Key         `json:"key"`
	Counts      counts            `json:"counts"`
	Plan        plan.Plan         `json:"plan"`
	Findings    []explain.Finding `json:"findings,omitempty"`
	Unbuildable bool              `json:"unbuildable,omitempty"`
	// DriftAssumed reports that fields count as applied last as they are wanted, because no checkpoint of the controller
	// was read.
	DriftAssumed bool `json:"driftAssumed,omitempty"`
	// Digest is of the state that is wanted, as annotation approved-plan takes it; empty if there is none.
	Digest string `json:"digest,omitempty"`
}

func documentOf(got judged, c *config.Config) (planDocument, error) {
	d := planDocument{
		Cluster: c.ClusterName, Region: c.Region, VPC: c.VPC, Stacks: []plannedStack{}, Bindings: plannedBindings(got.bound),
		Close:    got.bound.Rules.Plan.Steps,
		Findings: explain.Findings(got.Diagnostics), Impact: got.impact, FailOn: got.triggers,
	}
	var total plan.Summary
	for _, r := range got.Stacks {
		total = total.Plus(r.Plan.Summary())
		if r.Plan.Steps == nil {
			r.Plan.Steps = []plan.Step{}
		}
		digest := ""
		if s := r.Compiled.Stack; s != nil {
			var err error
			if digest, err = planjson.Digest(s); err != nil {
				return d, err
			}
		}
		d.Stacks = append(d.Stacks, plannedStack{r.Key, counts(r.Plan.Summary()), r.Plan,
			append(explain.Findings(r.Diagnostics), unmetFindings(r.Unmet)...), r.Unbuildable, r.DriftAssumed, digest})
	}
	d.Counts = counts(total)
	return d, nil
}

// write writes the document of a plan to a file, replacing what it held.
func (o *planOptions) write(got judged) error {
	d, err := documentOf(got, &o.config)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := (&outputs{format: "json"}).encode(&b, planKind, d); err != nil {
		return err
	}
	if err := os.WriteFile(o.out, b.Bytes(), 0o600); err != nil { // what is planned may name what is not public
		return fmt.Errorf("--out: %w", err)
	}
	return nil
}

// unmetFindings are conditions that a Gateway and the objects around it do not meet, as findings.
func unmetFindings(all []offline.Unmet) (out []explain.Finding) {
	for _, u := range all {
		out = append(out, explain.Finding{Object: u.Object.String(), Field: u.Path, Severity: "error", Reason: u.Reason,
			Message: u.Message})
	}
	return out
}
