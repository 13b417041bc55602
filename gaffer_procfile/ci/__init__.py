"""What a CI run tells, and in which forms: its log, annotations, a summary, a JUnit report.

Results and bytes come in, text goes out; nothing here knows a manager.
"""
