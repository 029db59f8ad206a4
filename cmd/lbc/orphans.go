package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/internal/aws/ownership/orphan"
	"github.com/k8s-lbc/lbc/internal/lbc/cleanup"
	"github.com/k8s-lbc/lbc/internal/model/stack"
)

const orphansHelp = `List the AWS resources that have the tags of a cluster and belong to no object of the cluster: load
balancers, target groups, security groups, certificates, and the TargetGroupBindings of such stacks.

An object claims a stack by its name, its finalizer, its group or the load balancer in its status,
whatever its class. A TargetGroupBinding without labels of a stack claims its target group.

Each orphan has the commands that delete or keep it. It also has its healthy targets outside the
cluster: they are a sign that another cluster with the same name uses the orphan.

` + leftHelp + `

Nothing is written.

Exit status: 0 no orphans; 1 lbc failed, or found none and could not read everything; 4 there are
orphans.`

// orphansDocument is the output of -o json and -o yaml. Its lists are never null.
type orphansDocument struct {
	Cluster string         `json:"cluster"`
	VPC     string         `json:"vpc"`
	Orphans []listedOrphan `json:"orphans"`
	// Unclear are stacks of which it is not known whether an object claims them, and those that stay without one by a
	// deletion policy.
	Unclear []unclearStack `json:"unclear"`
	Unread  []string       `json:"unread,omitempty"`

	elsewhere string // what serving targets are, for people
}

type listedOrphan struct {
	Stack     stack.Key         `json:"stack"`
	Tag       string            `json:"tag"`
	Resources []orphan.Resource `json:"resources"`
	Why       string            `json:"why"`
	// Serving are healthy targets that are neither pods nor nodes of the cluster, up to the first target group with any.
	Serving []string `json:"serving,omitempty"`
	Delete  string   `json:"delete"`
	Keep    []string `json:"keep"`
}

type unclearStack struct {
	Stack stack.Key `json:"stack"`
	Why   string    `json:"why"`

	retained bool
}

func orphansCommand() *cobra.Command {
	var o remainsOptions
	cmd := &cobra.Command{
		Use:   "orphans",
		Short: "List AWS resources of a cluster that belong to no object",
		Long:  orphansHelp,
		Example: "  lbc orphans\n  lbc orphans -o json\n  lbc orphans --no-cluster --cluster-name demo --aws-region " +
			"eu-west-1 --aws-vpc-id vpc-0123456789abcdef0",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return listOrphans(cmd.Context(), &o, cmd.Flags().Changed, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	o.flags(cmd, "text", "json", "yaml")
	return cmd
}

func listOrphans(ctx context.Context, o *remainsOptions, given func(string) bool, out, errOut io.Writer) error {
	if err := o.validate(); err != nil {
		return err
	}
	l, err := o.read(ctx, given, errOut)
	if err != nil {
		return err
	}
	found, unclear := orphan.Find(l.held, l.claims)
	d := orphansDocument{Cluster: l.account.Cluster, VPC: l.account.VPC, Orphans: []listedOrphan{},
		Unclear: []unclearStack{}, Unread: l.unread, elsewhere: l.servesElsewhere()}
	for _, x := range found {
		line := listedOrphan{Stack: x.Key, Tag: cleanup.Tag(x.Key), Resources: x.Resources, Why: x.Why,
			Delete: x.Delete(l.alive != ""), Keep: cleanup.Keep(x)}
		if line.Serving, err = l.serving(ctx, x.Resources); err != nil {
			d.Unread = append(d.Unread, fmt.Sprintf("targets of %s: %v", x.Key, err))
		}
		if o.noCluster {
			line.Delete += " --no-cluster --cluster-name " + l.account.Cluster + " --aws-vpc-id " + l.account.VPC
		}
		d.Orphans = append(d.Orphans, line)
	}
	for _, x := range unclear {
		d.Unclear = append(d.Unclear, unclearStack{x.Key, x.Why, x.Retained})
	}
	if o.format == "text" {
		_, err = io.WriteString(out, d.text())
	} else {
		err = o.encode(out, orphansKind, d)
	}
	switch {
	case err != nil:
		return err
	case len(d.Orphans) > 0:
		return exitWarnings
	case len(d.Unread) > 0:
		return errors.New("there may be orphans: not everything could be read")
	}
	return nil
}

func (d *orphansDocument) text() string {
	var b strings.Builder
	for _, x := range d.Orphans {
		fmt.Fprintf(&b, "%s\n", x.Stack)
		fmt.Fprintf(&b, "  tag     %s\n", x.Tag)
		fmt.Fprintf(&b, "  why     %s\n", x.Why)
		for _, r := range x.Resources {
			fmt.Fprintf(&b, "  holds   %s\n", r)
		}
		if len(x.Serving) > 0 {
			fmt.Fprintf(&b, "  serves  %s: %s\n", strings.Join(x.Serving, ", "), d.elsewhere)
		}
		fmt.Fprintf(&b, "  delete  %s\n", x.Delete)
		for _, k := range x.Keep {
			fmt.Fprintf(&b, "  keep    %s\n", k)
		}
		b.WriteString("\n")
	}
	for _, x := range d.Unclear {
		doubt := "an object may claim it: "
		if x.retained {
			doubt = "retained: "
		}
		fmt.Fprintf(&b, "%s\n  %s%s\n\n", x.Stack, doubt, x.Why)
	}
	for _, u := range d.Unread {
		fmt.Fprintf(&b, "not read: %s\n", u)
	}
	switch {
	case len(d.Orphans) > 0:
		fmt.Fprintf(&b, "%d stacks of cluster %s in %s have no owner\n", len(d.Orphans), d.Cluster, d.VPC)
	case len(d.Unread) > 0:
		fmt.Fprintf(&b, "what was read of cluster %s in %s has no orphans\n", d.Cluster, d.VPC)
	case len(d.Unclear) > 0:
		fmt.Fprintf(&b, "there are no orphans of cluster %s in %s\n", d.Cluster, d.VPC)
	default:
		fmt.Fprintf(&b, "every resource with the tags of cluster %s in %s belongs to an object\n", d.Cluster, d.VPC)
	}
	return b.String()
}
