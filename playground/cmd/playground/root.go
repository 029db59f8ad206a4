package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/k8s-lbc/lbc/playground/repository"
	"github.com/k8s-lbc/lbc/playground/state"
)

// settings are the flags of all commands.
type settings struct {
	stateDir string
	repo     string
}

func newRoot() *cobra.Command {
	s := &settings{}
	up := newUp(s)
	root := &cobra.Command{
		Use:   "playground",
		Short: "Run a Kubernetes cluster, an AWS account and the load balancer controller on this machine",
		Long: `playground runs a real Kubernetes control plane with simulated nodes, a simulated AWS account whose load
balancers carry traffic, and the real load balancer controller between the two. It needs only this binary and
the controller's, sends nothing to other machines, and leaves only logs behind.

Without a command it runs "up".`,
		Example: `  playground up                            start, apply an example, stay until Ctrl-C
  playground kubectl get ingress -A        in another terminal: the cluster,
  playground curl http://NAME/             a load balancer by its DNS name,
  playground exec -- go test ./e2e/...     a program that resolves names by itself,
  playground aws resources                 the account
  playground controller restart            the controller alone
  playground fault add CreateRule --kind throttled   AWS refuses
  playground run --once examples/nlb.yaml  start, apply, verify, delete, verify, stop`,
		Args:          onlyCommands,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          up.RunE,
	}
	root.PersistentFlags().StringVar(&s.stateDir, "state-dir", "",
		"directory of the running playground's state (default $XDG_STATE_HOME/lbc-playground, or below ~/.local/state)")
	root.PersistentFlags().StringVar(&s.repo, "repo", "",
		"checkout of the repository with config/crd and examples (default: the one around the working directory "+
			"or the binary)")
	root.Flags().AddFlagSet(up.Flags())
	root.AddCommand(up, newDown(s), newStatus(s), newEnv(s), newApply(s), newKubectl(s), newCurl(s), newExec(s), newAWS(s),
		newLogs(s), newController(s), newAPIServer(s), newNode(s), newFault(s), newClock(s), newRun(s), newBench(s),
		newControlPlane())
	return root
}

func (s *settings) dir() (state.Dir, error) {
	if s.stateDir == "" {
		return state.Default()
	}
	abs, err := filepath.Abs(s.stateDir)
	return state.Dir(abs), err
}

func (s *settings) root() (repository.Root, error) {
	if s.repo != "" {
		return repository.Find(s.repo)
	}
	return repository.FindFromProcess()
}

// running finds the playground that the command is for.
func (s *settings) running() (state.Dir, state.Endpoints, error) {
	dir, err := s.dir()
	if err != nil {
		return "", state.Endpoints{}, err
	}
	e, err := dir.Running()
	if err == nil && e.Simulator == "" {
		err = &startingError{}
	}
	return dir, e, err
}

type startingError struct{}

func (*startingError) Error() string {
	return `the playground is still starting: try again in a few seconds, or look at "playground status"`
}

// self is how the user can call this program again.
func (s *settings) self() string {
	name := os.Args[0]
	if exe, err := os.Executable(); err == nil {
		if name = fromHere(exe); !filepath.IsAbs(name) && !strings.Contains(name, "/") {
			name = "./" + name // or the shell would search for it
		}
	}
	if s.stateDir != "" {
		name += " --state-dir " + s.stateDir
	}
	return name
}

// fromHere shortens a path below the working directory.
func fromHere(path string) string {
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, path); err == nil && filepath.IsLocal(rel) {
			return rel
		}
	}
	return path
}

// named is an argument check for commands that need at least one or, if single, exactly one of what is named.
func named(what string, single bool) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return fmt.Errorf("%s needs %s: %s", c.CommandPath(), what, c.UseLine())
		case single && len(args) > 1:
			return fmt.Errorf("%s takes %s only, not also %q: %s", c.CommandPath(), what, args[1:], c.UseLine())
		}
		return nil
	}
}

// onlyCommands is an argument check for commands that take nothing but the name of a command: a misspelt one is an
// error, with what may have been meant.
func onlyCommands(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("unknown command %q for %q", args[0], c.CommandPath())
	c.SuggestionsMinimumDistance = 2
	if like := c.SuggestionsFor(args[0]); len(like) > 0 {
		text += ", did you mean " + strings.Join(like, " or ") + "?"
	}
	return fmt.Errorf("%s (%s --help lists them)", text, c.CommandPath())
}
