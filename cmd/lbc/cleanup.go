package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/internal/aws/ownership/orphan"
	"github.com/k8s-lbc/lbc/internal/lbc/cleanup"
	"github.com/k8s-lbc/lbc/internal/model/stack"
	"github.com/k8s-lbc/lbc/internal/plan"
)

const cleanupHelp = `Delete the AWS resources with the tags of a cluster whose controller no longer exists. lbc first
shows the plan and asks, unless you pass --yes. Resources without the cluster's tags stay. You can
interrupt the command and run it again.

--orphans selects resources that belong to no object, as lbc orphans lists them. --stack selects
stacks by their keys. --all selects everything, with the shared backend security group. lbc also
deletes the TargetGroupBindings of these stacks from the cluster, and the rules of other security
groups that admit the deleted groups.

lbc refuses in three cases, and each has a flag that overrides the refusal:

  --ignore-controller   a controller is running, and both would write
  --ignore-objects      objects claim the stacks, so their controller would create them again; the
                        finalizers of the objects stay
  --ignore-targets      healthy targets are neither pods nor nodes of the cluster, so another
                        cluster of the same name may use them

` + leftHelp

type cleanupOptions struct {
	remainsOptions
	stacks                          []string
	all, orphans, yes               bool
	ignoreController, ignoreObjects bool
	ignoreTargets                   bool
}

func cleanupCommand() *cobra.Command {
	var o cleanupOptions
	cmd := &cobra.Command{
		Use:   "cleanup",
		Short: "Delete the AWS resources that a cluster without controller has left",
		Long:  cleanupHelp,
		Example: "  lbc cleanup --orphans\n  lbc cleanup --stack ingress.k8s.aws:shop/web\n  lbc cleanup --all --yes " +
			"--no-cluster --cluster-name demo --aws-region eu-west-1 --aws-vpc-id vpc-0123456789abcdef0",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.run(cmd.Context(), cmd.Flags().Changed, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.stacks, "stack", nil, "stacks to delete, such as ingress.k8s.aws:shop/web")
	f.BoolVar(&o.orphans, "orphans", false, "delete all that no object claims")
	f.BoolVar(&o.all, "all", false, "delete all that carries the tags of the cluster")
	f.BoolVar(&o.yes, "yes", false, "do not ask")
	f.BoolVar(&o.ignoreController, "ignore-controller", false, "delete although a controller is running")
	f.BoolVar(&o.ignoreObjects, "ignore-objects", false,
		"delete although objects claim the stacks, or it is not known whether they do")
	f.BoolVar(&o.ignoreTargets, "ignore-targets", false,
		"delete although healthy targets are neither pods nor nodes of the cluster")
	cmd.MarkFlagsOneRequired("stack", "orphans", "all")
	cmd.MarkFlagsMutuallyExclusive("stack", "orphans", "all")
	o.flags(cmd, "text", "json")
	return cmd
}

func (o *cleanupOptions) run(ctx context.Context, given func(string) bool, in io.Reader, out, errOut io.Writer) error {
	if err := o.validate(); err != nil {
		return err
	}
	l, err := o.read(ctx, given, errOut)
	if err != nil {
		return err
	}
	if l.alive != "" && !o.ignoreController {
		return fmt.Errorf("a controller is running: %s; if you delete the objects, it deletes their load balancers; "+
			"with --ignore-controller, lbc deletes although the controller runs", l.alive)
	}
	selected, err := o.selected(l)
	if err != nil {
		return err
	}
	if err := o.refuseServing(ctx, l, selected); err != nil {
		return err
	}
	if l.kube != nil {
		b := cleanup.Bindings{Client: l.kube, Release: l.alive == ""}
		l.account.Bindings, l.account.Writer = b.List, b
	}
	if err := o.show(ctx, l, selected, out); err != nil {
		return err
	}
	if o.format == "json" { // which has out for itself
		out = errOut
	}
	if err := o.carryOut(ctx, l, selected, in, out); err != nil || len(l.unread) == 0 {
		return err
	}
	return errors.New("resources may be left: not everything could be read; run the command again once it can")
}

// selected are the stacks to delete: those of load balancers first, then the shared backend security group.
func (o *cleanupOptions) selected(l *remains) (keys []stack.Key, err error) {
	found, unclear := orphan.Find(l.held, l.claims)
	var named []orphan.Holding
	switch {
	case o.orphans:
		for _, x := range found {
			keys = append(keys, x.Key)
		}
	case o.all:
		named = slices.DeleteFunc(slices.Clone(l.held), func(h orphan.Holding) bool { return stays(h.Key, unclear) })
		for _, x := range found { // those of which only TargetGroupBindings are left
			keys = append(keys, x.Key)
		}
	default:
		for _, text := range o.stacks {
			key, err := stack.ParseKey(text)
			if err != nil {
				return nil, fmt.Errorf("--stack: %w", err)
			}
			n := slices.IndexFunc(l.held, func(h orphan.Holding) bool { return h.Key == key })
			switch {
			case n >= 0:
				named = append(named, l.held[n])
			case slices.ContainsFunc(found, func(x orphan.Orphan) bool { return x.Key == key }):
				keys = append(keys, key)
			}
		}
	}
	if claimed := l.claimed(named); len(claimed) > 0 && !o.ignoreObjects {
		return nil, fmt.Errorf("objects of the cluster claim these resources:\n%s\ndelete the objects first, or select only "+
			"unclaimed resources with --orphans; to delete the resources anyway, use --ignore-objects", indented(claimed))
	}
	for _, h := range named {
		for _, u := range unclear {
			if u.Key == h.Key && !u.Retained && !o.ignoreObjects {
				return nil, fmt.Errorf("cannot find out whether an object claims the resources of %s: %s; to delete them anyway, "+
					"use --ignore-objects", u.Key, u.Why)
			}
		}
		keys = append(keys, h.Key)
	}
	slices.SortFunc(keys, func(a, b stack.Key) int {
		if (a == orphan.Backend) != (b == orphan.Backend) {
			return map[bool]int{true: 1, false: -1}[a == orphan.Backend]
		}
		return a.Compare(b)
	})
	return slices.Compact(keys), nil
}

// stays reports whether a stack is not deleted with all others, because its objects asked for it to stay.
func stays(key stack.Key, unclear []orphan.Unclear) bool {
	return slices.ContainsFunc(unclear, func(u orphan.Unclear) bool { return u.Retained && u.Key == key })
}

// refuseServing refuses to delete what has healthy targets elsewhere.
func (o *cleanupOptions) refuseServing(ctx context.Context, l *remains, keys []stack.Key) error {
	if o.ignoreTargets {
		return nil
	}
	var lines []string
	for _, h := range l.held {
		if !slices.Contains(keys, h.Key) {
			continue
		}
		ids, err := l.serving(ctx, h.Resources)
		if err != nil {
			return fmt.Errorf("lbc deletes nothing, because it cannot tell whether %s serves another cluster: %w. To delete it "+
				"anyway, add --ignore-targets", h.Key, err)
		}
		if len(ids) > 0 {
			lines = append(lines, fmt.Sprintf("%s: %s", h.Key, strings.Join(ids, ", ")))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	slices.Sort(lines)
	return fmt.Errorf("targets of these resources are %s:\n%s\ncheck the other clusters of the account first; "+
		"--ignore-targets overrides this", l.servesElsewhere(), indented(lines))
}

// cleanupDocument is the output of -o json: what would be deleted. Its plans are never null.
type cleanupDocument struct {
	Cluster string      `json:"cluster"`
	VPC     string      `json:"vpc"`
	Plans   []plan.Plan `json:"plans"`
	Unread  []string    `json:"unread,omitempty"`
}

// show writes the plans of the deletions.
func (o *cleanupOptions) show(ctx context.Context, l *remains, keys []stack.Key, out io.Writer) error {
	plans := make([]plan.Plan, 0, len(keys))
	var b strings.Builder
	for _, key := range keys {
		p, err := l.account.Plan(ctx, key)
		if err != nil {
			return err
		}
		plans = append(plans, p)
		b.WriteString(p.Text(plan.TextOptions{Color: o.colored(out)}) + "\n")
	}
	for _, u := range l.unread {
		fmt.Fprintf(&b, "not read, and not deleted: %s\n", u)
	}
	if o.format == "json" {
		return o.encode(out, cleanupKind, cleanupDocument{l.account.Cluster, l.account.VPC, plans, l.unread})
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// carryOut asks, and carries the plans out.
func (o *cleanupOptions) carryOut(ctx context.Context, l *remains, keys []stack.Key, in io.Reader,
	out io.Writer) error {
	if len(keys) == 0 && len(l.unread) > 0 {
		return nil
	}
	if len(keys) == 0 {
		_, err := fmt.Fprintf(out, "nothing to delete of cluster %s in %s\n", l.account.Cluster, l.account.VPC)
		return err
	}
	if !o.yes {
		fmt.Fprintf(out, "Delete this of cluster %s in %s? Only yes deletes it: ", l.account.Cluster, l.account.VPC)
		answer, err := bufio.NewReader(in).ReadString('\n')
		if strings.TrimSpace(answer) != "yes" {
			if err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			return errors.New("nothing was deleted")
		}
	}
	var failed []error
	for _, key := range keys {
		if err := l.account.Delete(ctx, key, out); err != nil {
			failed = append(failed, err)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failed...)
}
