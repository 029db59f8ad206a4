package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/playground/repository"
)

// computing is the program that measures rows of kind compute: what make bench puts into the directory of this
// program. The code that it measures would be 3 MB of the playground.
func computing() (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find the directory of this program: %w", err)
	}
	program := filepath.Join(filepath.Dir(exe), "compute")
	if repository.CheckBinary(program) != nil {
		return "", fmt.Errorf("%s does not exist; run \"make bench\"", program)
	}
	return program, nil
}

// computedBeside measures a row by the program computing.
func computedBeside(ctx context.Context, row string) (float64, error) {
	program, err := computing()
	if err != nil {
		return 0, err
	}
	out, err := exec.CommandContext(ctx, program, row).Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return 0, errors.New(strings.TrimSpace(string(failed.Stderr)))
	}
	if err != nil {
		return 0, fmt.Errorf("run %s: %w", program, err)
	}
	return strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
}

// computed is a row that the option Compute measures.
func computed(name, title string) row {
	return row{name, computeKind, title, "of the code of bench/compute, not of --controller; mean of processor time", nil,
		func(ctx context.Context, s *session, r *Result) (err error) {
			r.Seconds, err = s.o.Compute(ctx, name)
			return err
		}}
}
