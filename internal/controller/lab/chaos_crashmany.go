package lab

import (
	"strings"
)

// JudgeAccount compares the account with another after the same stage.
func (l *Lab) JudgeAccount(stage, want string) {
	l.Helper()
	if d := strings.Join(WithoutRecords(strings.Split(LinesApart(l.Account(), want), "\n")), "\n"); d != "" {
		l.Fatalf("%s: the account (+) is not as without trouble (-):\n%s\n%s", stage, d, strings.Join(l.Events, "\n"))
	}
}
