from Cython.Build import cythonize
from setuptools import setup

setup(name="every_function", ext_modules=cythonize("every_function.pyx", language_level=3))
