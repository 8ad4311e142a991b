# SPDX-License-Identifier: Apache-2.0
"""@each(names): one test function, a test for each name."""


def each(names):
    def mark(function):
        function.each = list(names)
        return function
    return mark
