package trial

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/k8s-lbc/lbc/awssim/account"
	"github.com/k8s-lbc/lbc/playground/environment"
	"github.com/k8s-lbc/lbc/playground/process"
	"github.com/k8s-lbc/lbc/playground/repository"
)

// This is "playground run --once --together examples/*.yaml", and then the end of everything.
func TestTheExamplesAnswerAndLeaveNothingBehind(t *testing.T) {
	root, err := repository.FindFromProcess()
	if err != nil {
		t.Fatal(err)
	}
	controller := os.Getenv("CONTROLLER")
	if controller == "" {
		if controller, err = root.Controller(); err != nil {
			t.Fatal(err)
		}
	}
	plane, err := root.ControlPlane()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
	defer cancel()
	env, err := environment.Start(ctx, environment.Options{
		Dir: t.TempDir(), Repo: root, ControlPlane: plane, Controller: controller,
		Profile:        account.Instant(),
		HealthInterval: 100 * time.Millisecond, HealthTimeout: 5 * time.Second,
		Progress: func(what string, after time.Duration) { t.Logf("%v %s", after, what) },
	})
	if err != nil {
		t.Fatal(err)
	}
	pid := env.ControllerPID()
	stopped := false
	defer func() {
		if !stopped {
			env.Stop()
		}
	}()
	before := env.Simulator.Resources()
	trial, err := New(env, Options{CacheDir: t.TempDir(), Timeout: 3 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(root.Example("*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, f := range files {
		if err := trial.Apply(ctx, f); err != nil {
			t.Fatal(err)
		}
	}
	if err := trial.WaitAddresses(ctx, nil); err != nil {
		t.Fatal(err)
	}
	n, err := trial.WaitAnswers(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n < len(files) {
		t.Errorf("only %d requests were made for %d files", n, len(files))
	}
	if err := trial.Settle(ctx, 3*time.Minute); err != nil {
		t.Error(err)
	}
	if err := trial.Delete(ctx, files...); err != nil {
		t.Fatal(err)
	}
	if err := trial.WaitLike(ctx, before); err != nil {
		t.Fatal(err)
	}
	url := env.URL
	env.Stop()
	stopped = true
	if process.Alive(pid) {
		t.Errorf("the controller, process %d, outlived the playground", pid)
	}
	if _, err := env.AWS.Resources(ctx); err == nil {
		t.Errorf("the simulator still answers at %s", url)
	}
}
