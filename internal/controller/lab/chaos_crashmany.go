package lab

import (
	"slices"
	"strings"
)

// JudgeAccount compares the account with another after the same stage. What a process that crashed has registered in
// the user's target group may stay there: without checkpoints, the next one cannot tell it from what others have.
func (l *Lab) JudgeAccount(stage, want string) {
	l.Helper()
	lines := slices.DeleteFunc(strings.Split(LinesApart(l.Account(), want), "\n"), func(line string) bool {
		return strings.HasPrefix(line, "+ target group theirs: target ")
	})
	if d := strings.Join(WithoutRecords(lines), "\n"); d != "" {
		l.Fatalf("%s: the account (+) is not as without trouble (-):\n%s\n%s", stage, d, strings.Join(l.Events, "\n"))
	}
}
