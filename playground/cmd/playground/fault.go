package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/awssim"
	"github.com/k8s-lbc/lbc/awssim/gate"
	"github.com/k8s-lbc/lbc/awssim/simclient"
)

func newFault(s *settings) *cobra.Command {
	c := &cobra.Command{
		Use:   "fault",
		Short: "Have calls to the simulated AWS fail, hang or be lost",
		Long: `fault manages rules by which calls to the simulated AWS fail, take longer or lose their answers. The
first rule that selects a call applies. Rules end with the playground, or as their flags say.`,
		Example: `  playground fault add CreateRule --error TooManyRules
  playground fault add 'Describe*' --kind throttled --times 20
  playground fault add RegisterTargets --latency 5s --for 1m
  playground fault list
  playground fault clear`,
		// so that a misspelt command is an error
		Args: onlyCommands, RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newFaultAdd(s), newFaultList(s), newFaultClear(s))
	return c
}

// simulator is a client of the running playground's account.
func (s *settings) simulator() (*simclient.Client, error) {
	_, e, err := s.running()
	if err != nil {
		return nil, err
	}
	return simclient.New(e.Simulator, nil), nil
}

func newFaultAdd(s *settings) *cobra.Command {
	var f gate.Fault
	c := &cobra.Command{
		Use:   "add OPERATION",
		Short: "Add a rule for calls of an operation",
		Long: `add adds a rule for calls of an operation of AWS, such as CreateLoadBalancer. A name that ends in *
means all operations that begin so. --error or --kind, --latency, --reset, --lose and --empty say
what happens to the call; you can combine them.`,
		Example: `  playground fault add CreateLoadBalancer --error TooManyLoadBalancers
  playground fault add '*' --kind throttled --probability 0.3
  playground fault add CreateTargetGroup --lose --times 1       AWS creates it, and the answer is lost`,
		Args: named("an operation, such as CreateLoadBalancer", true),
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			names, err := operations()
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			f.Action = args[0]
			return s.addFault(c, f)
		},
	}
	flags := c.Flags()
	flags.StringVar(&f.ID, "id", "", "name of the rule; one of the same name is replaced (default: one is made up)")
	flags.StringVar(&f.Service, "service", "", "only calls to this service, as \"playground aws calls\" names it")
	flags.StringVar(&f.Resource, "resource", "", "only calls whose parameters contain this text, such as a name or an ARN")
	flags.StringVar(&f.Code, "error", "", "refuse with this error code of AWS")
	flags.IntVar(&f.Status, "status", 0, "HTTP status of --error (default 400)")
	flags.StringVar(&f.Kind, "kind", "", "refuse with the error of the service in this case: "+
		strings.Join(gate.Kinds(), ", "))
	flags.DurationVar(&f.Latency, "latency", 0, "time that a call takes in addition")
	flags.BoolVar(&f.Reset, "reset", false, "cut the connection before the call has an effect")
	flags.BoolVar(&f.Lose, "lose", false, "cut the connection after the call has had its effect")
	flags.BoolVar(&f.Empty, "empty", false, "answer a read with success, and with nothing in it")
	flags.BoolVar(&f.Partial, "partial", false, "answer a read with success, without every other item of its lists")
	flags.IntVar(&f.Times, "times", 0, "number of calls that it happens to (default: all)")
	flags.IntVar(&f.Skip, "skip", 0, "number of calls before that")
	flags.Float64Var(&f.Probability, "probability", 0, "chance of each call, between 0 and 1 (default: 1)")
	flags.DurationVar(&f.For, "for", 0, "end the rule so long after it happened first")
	if err := c.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(gate.Kinds(),
		cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is defined above
	}
	return c
}

// addFault adds a rule to the simulator.
func (s *settings) addFault(c *cobra.Command, f gate.Fault) error {
	client, err := s.simulator()
	if err != nil {
		return err
	}
	if f.Service == "" {
		if err := knownOperation(c.Context(), client, f.Action); err != nil {
			return err
		}
	}
	if f.Kind+f.Code == "" && f.Latency == 0 && !f.Reset && !f.Lose && !f.Empty && !f.Partial {
		return fmt.Errorf("say what happens to %s: --error CODE, --kind %s, --latency 5s, --reset, --lose, --empty or "+
			"--partial", f.Action, strings.Join(gate.Kinds(), "|"))
	}
	id, err := client.AddFault(c.Context(), f)
	if err != nil {
		return err
	}
	f.ID = id
	_, err = fmt.Fprintf(c.OutOrStdout(), "Rule %s: %s %s. \"playground fault clear %[1]s\" ends it.\n", id,
		f.Action, effect(f))
	return err
}

// operations are the names of those that simulators serve. The table of the controller's own (internal/aws/awsclient)
// has fewer, but it would link a client of each service into the playground.
func operations() ([]string, error) {
	sim, err := awssim.New(awssim.Options{})
	if err != nil {
		return nil, err
	}
	return sim.Operations(), sim.Close()
}

// knownOperation refuses an operation that the simulator does not serve and that was not called yet: a misspelt one
// would select nothing.
func knownOperation(ctx context.Context, client *simclient.Client, name string) error {
	counts, err := client.Counts(ctx)
	if err != nil {
		return err
	}
	names, err := operations()
	if err != nil {
		return err
	}
	for _, n := range counts {
		names = append(names, n.Action)
	}
	prefix, all := strings.CutSuffix(name, "*")
	var like []string
	for _, n := range names {
		if n == name || all && strings.HasPrefix(n, prefix) {
			return nil
		}
		if strings.EqualFold(n, name) || len(name) > 7 && strings.HasPrefix(strings.ToLower(n), strings.ToLower(name[:8])) {
			like = append(like, n)
		}
	}
	if len(like) == 0 {
		return fmt.Errorf("%q is not an operation of AWS that the controller calls; if it exists, name its service with "+
			"--service", name)
	}
	slices.Sort(like)
	return fmt.Errorf("%q is not an operation of AWS that the controller calls: did you mean %s? If it exists, name its "+
		"service with --service", name,
		strings.Join(slices.Compact(like), " or "))
}

// effect is what a rule does, in words.
func effect(f gate.Fault) string {
	var does []string
	if f.Latency > 0 {
		does = append(does, "takes "+f.Latency.String()+" longer")
	}
	if refused := cmp.Or(f.Code, f.Kind); refused != "" {
		does = append(does, "is refused: "+refused)
	}
	if f.Reset {
		does = append(does, "is cut before its effect")
	}
	if f.Lose {
		does = append(does, "is cut after its effect")
	}
	if f.Empty {
		does = append(does, "is answered with nothing in it")
	}
	if f.Partial {
		does = append(does, "is answered without every other item")
	}
	if f.Delay > 0 {
		does = append(does, "is answered "+f.Delay.String()+" late")
	}
	if f.Stale > 0 {
		does = append(does, "is answered as "+f.Stale.String()+" ago")
	}
	if f.Drift != nil {
		does = append(does, "comes after "+f.Drift.Action+" of somebody else")
	}
	text := strings.Join(does, ", ")
	if f.Times > 0 {
		text += fmt.Sprintf(", %d times", f.Times)
	}
	if f.Probability > 0 && f.Probability < 1 {
		text += fmt.Sprintf(", by a chance of %v", f.Probability)
	}
	if f.For > 0 {
		text += ", for " + f.For.String()
	}
	return text
}

func newFaultList(s *settings) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "list", Short: "List the rules, and how often each has applied", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := s.simulator()
			if err != nil {
				return err
			}
			rules, err := client.Faults(c.Context())
			if err != nil {
				return err
			}
			if output == "json" {
				return writeJSON(c.OutOrStdout(), rules)
			}
			return printFaults(c.OutOrStdout(), rules)
		},
	}
	addOutput(c, &output, "json")
	return c
}

func printFaults(out io.Writer, rules []gate.FaultStatus) error {
	if len(rules) == 0 {
		_, err := fmt.Fprintln(out, "There are no rules: AWS answers as usual.")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RULE\tOPERATION\tAPPLIED\tEFFECT")
	for _, r := range rules {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", r.Rule.ID, cmp.Or(r.Rule.Action, "*"), r.Struck, effect(r.Rule))
	}
	return w.Flush()
}

func newFaultClear(s *settings) *cobra.Command {
	return &cobra.Command{
		Use: "clear [RULE...]", Short: "Remove rules; all without a name",
		ValidArgsFunction: func(c *cobra.Command, _ []string, _ string) (ids []string, _ cobra.ShellCompDirective) {
			if client, err := s.simulator(); err == nil {
				rules, _ := client.Faults(c.Context()) // no completion without rules
				for _, r := range rules {
					ids = append(ids, r.Rule.ID)
				}
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, ids []string) error {
			client, err := s.simulator()
			if err != nil {
				return err
			}
			if len(ids) == 0 {
				if err := client.ClearFaults(c.Context()); err != nil {
					return err
				}
				_, err := fmt.Fprintln(c.OutOrStdout(), "There are no rules any more.")
				return err
			}
			rules, err := client.Faults(c.Context())
			if err != nil {
				return err
			}
			for _, id := range ids {
				if !slices.ContainsFunc(rules, func(r gate.FaultStatus) bool { return r.Rule.ID == id }) {
					return fmt.Errorf("there is no rule %q; \"playground fault list\" shows the existing ones", id)
				}
				if err := client.RemoveFault(c.Context(), id); err != nil {
					return err
				}
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "Removed: %s\n", strings.Join(ids, ", "))
			return err
		},
	}
}
